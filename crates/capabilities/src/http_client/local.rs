//! Requests that stay in the process: to the app itself, and from one of its components to another.

use std::sync::{Arc, OnceLock, Weak};

use futures::future::BoxFuture;
use wasmtime_wasi_http::{Error, WasiBody};

/// How many requests may have led to one another inside the process.
pub(super) const CHAIN_MAX: u32 = 16;

/// Who answers a request that stays in the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalTarget {
    /// Whatever the app's routes say.
    App,
    /// The component of this id.
    Component(String),
}

/// Answers requests that stay in the process.
pub trait LocalService: Send + Sync {
    /// Answers `request`. Its extensions hold the [`super::Arrival`] with which the called guest starts.
    fn call(&self, target: LocalTarget, request: http::Request<WasiBody>) -> BoxFuture<'static, Result<http::Response<WasiBody>, Error>>;
}

/// The app's local service, once there is one. The service owns the components, and these hold the router: so the router holds it
/// weakly.
#[derive(Default)]
pub struct LocalRouter {
    service: OnceLock<Weak<dyn LocalService>>,
}

impl std::fmt::Debug for LocalRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRouter").field("is_set", &self.service.get().is_some()).finish()
    }
}

impl LocalRouter {
    /// Sends local requests to `service` from now on. The first service stays.
    pub fn set(&self, service: &Arc<dyn LocalService>) {
        let _ = self.service.set(Arc::downgrade(service));
    }

    pub(super) fn get(&self) -> Option<Arc<dyn LocalService>> {
        self.service.get()?.upgrade()
    }
}
