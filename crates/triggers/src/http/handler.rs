//! Which kind of HTTP guest a component is, and the one call for all of them.

use std::sync::Arc;

use coracle_base::metrics;
use coracle_engine::{Fault, Identity};
use coracle_host::Runnable;
use http::Uri;
use http::uri::{PathAndQuery, Scheme};

use super::call::{Admitted, call};
use super::p2::P2;
use super::p3::P3;
use super::spin_v1::{self, SpinV1};
use super::{Body, Peer, request_body};

/// A component that answers HTTP.
pub struct Handler {
    runnable: Arc<Runnable>,
    kind: Kind,
    metrics: Arc<metrics::Invocation>,
}

enum Kind {
    P2(P2),
    P3(P3),
    SpinV1(SpinV1),
}

/// Why a component cannot answer HTTP.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// It exports no interface that an HTTP trigger could call.
    #[error(
        "component `{component}` exports no HTTP handler (it exports {exports}); build it for `wasi:http/incoming-handler@0.2` or \
         `wasi:http/handler@0.3`, or give it another trigger"
    )]
    NoHandler {
        /// The id of the component.
        component: String,
        /// What it exports instead.
        exports: String,
    },
    /// It exports a handler whose type is not the interface's.
    #[error("component `{component}` exports an HTTP handler of the wrong type")]
    WrongType {
        /// The id of the component.
        component: String,
        /// wasmtime's explanation.
        source: wasmtime::Error,
    },
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").field("runnable", &self.runnable).finish_non_exhaustive()
    }
}

impl Handler {
    /// Finds the handler that `runnable` exports.
    ///
    /// # Errors
    /// [`HandlerError`] when it exports none, or one of another type.
    pub fn new(runnable: Arc<Runnable>) -> Result<Self, HandlerError> {
        let component = || runnable.id().to_owned();
        let exports = runnable.shape().exports();
        let has = |name: &str, version: &str| {
            exports.iter().any(|export| export.name == name && export.version.as_deref().is_some_and(|known| known.starts_with(version)))
        };
        let wrong = |source| HandlerError::WrongType { component: component(), source };
        let kind = if has("wasi:http/handler", "0.3") {
            Kind::P3(P3::new(&runnable).map_err(wrong)?)
        } else if has("wasi:http/incoming-handler", "0.2") {
            Kind::P2(P2::new(&runnable).map_err(wrong)?)
        } else if exports.iter().any(|export| export.name == spin_v1::INTERFACE && export.version.is_none()) {
            Kind::SpinV1(SpinV1::new(&runnable).map_err(wrong)?)
        } else {
            let names: Vec<_> = exports.iter().map(|export| format!("`{export}`")).collect();
            let exports = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            return Err(HandlerError::NoHandler { component: component(), exports });
        };
        let Identity { app, component } = &**runnable.identity();
        let metrics = metrics::Invocations::new(metrics::global(), "http", app).of(component);
        Ok(Self { runnable, kind, metrics: Arc::new(metrics) })
    }

    /// The component behind the handler.
    #[must_use]
    pub fn runnable(&self) -> &Arc<Runnable> {
        &self.runnable
    }

    /// Whether the guest can look at the headers of a request, or pass them on. Where it cannot, none need be made for it.
    pub(super) fn sees_headers(&self) -> bool {
        match &self.kind {
            Kind::P2(guest) => guest.sees_headers(),
            // A guest of WASI 0.3 can hand a request on without a look at it.
            Kind::P3(_) | Kind::SpinV1(_) => true,
        }
    }

    /// Waits for the right to run, and calls the guest. The request's URI must carry the authority that routing settled on.
    ///
    /// # Errors
    /// [`Fault`] when the guest gives no answer. What goes wrong after the head is an error of the body.
    pub async fn handle(&self, mut request: http::Request<Body>, peer: Peer) -> Result<http::Response<Body>, Fault> {
        self.metrics.begun();
        let overrun = request_body::bound(&mut request, self.runnable.limits())?;
        let admitted = Admitted { slot: self.runnable.admit().await?, metrics: Arc::clone(&self.metrics) };
        let answered = match &self.kind {
            Kind::P2(guest) => call(admitted, guest.begin(request, peer)?).await,
            Kind::P3(guest) => call(admitted, guest.begin(request, peer)?).await,
            // It reads the whole body first, and is seldom met.
            Kind::SpinV1(guest) => Box::pin(guest.handle(admitted, request)).await,
        };
        overrun.map_or(Ok(()), |overrun| overrun.check(self.runnable.limits()))?;
        answered
    }
}

/// Gives the request's URI the scheme of its connection, where it has an authority to go with.
pub(super) fn set_scheme(request: &mut http::Request<Body>, peer: Peer) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    if parts.authority.is_some() {
        parts.scheme = Some(if peer.tls { Scheme::HTTPS } else { Scheme::HTTP });
        parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    }
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}
