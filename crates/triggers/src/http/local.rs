//! Requests that stay in the process: an app that calls itself, and components that call each other by `<id>.spin.internal`.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use coracle_capabilities::http_client::{LocalRouter, LocalService, LocalTarget};
use coracle_engine::Site;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{Body, HttpApp, Peer};

/// Answers the requests of an app's own components.
struct Local(Weak<HttpApp>);

/// Lets the components of `app` call it and each other. The answer keeps that possible until it is dropped.
pub(super) fn connect(app: &Arc<HttpApp>, site: &Site) -> Option<Arc<dyn LocalService>> {
    let router = site.shared::<LocalRouter>()?;
    let service: Arc<dyn LocalService> = Arc::new(Local(Arc::downgrade(app)));
    router.set(&service);
    Some(service)
}

impl LocalService for Local {
    fn call(&self, target: LocalTarget, request: http::Request<WasiBody>) -> BoxFuture<'static, Result<http::Response<WasiBody>, Error>> {
        let app = self.0.upgrade();
        async move {
            // The app is gone when it has stopped.
            let app = app.ok_or(Error::ConnectionRefused)?;
            let peer = Peer { client: SocketAddr::from(([0, 0, 0, 0], 0)), tls: request.uri().scheme_str() == Some("https") };
            let request = request.map(Body::boxed);
            let response = match target {
                LocalTarget::App => app.call(request, peer).await,
                LocalTarget::Component(id) => app.call_component(&id, request, peer).await.ok_or(Error::DestinationNotFound)?,
            };
            Ok(response.map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))).boxed_unsync()))
        }
        .boxed()
    }
}
