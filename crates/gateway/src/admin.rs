//! What operators and their tools ask a server on a port of its own: is it well, and what has it done.

use std::num::NonZeroUsize;

use coracle_base::metrics::TEXT;
use coracle_triggers::http::{Body, Peer};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::bounds::Bounds;
use crate::listener::Listener;
use crate::server::{Server, Settings, StartError};
use crate::service::Service;

/// Serves `/healthz`, `/readyz` and `/metrics`. It is a listener beside the one for requests, off unless asked for.
pub struct Admin<M, R> {
    metrics: M,
    is_ready: R,
}

impl<M: Fn() -> String + Send + Sync + 'static, R: Fn() -> bool + Send + Sync + 'static> Admin<M, R> {
    /// Serves at `listener`; `metrics` renders the text of `/metrics`, and `is_ready` says whether new requests are welcome.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no more threads.
    pub fn start(listener: Listener, metrics: M, is_ready: R) -> Result<Server, StartError> {
        let bounds = Bounds { connections_max: 64, body_bytes_max: 0, ..Bounds::default() };
        let settings = Settings { name: "admin", workers: NonZeroUsize::MIN, bounds, tls: None, metrics: None };
        Server::start(listener, settings, Self { metrics, is_ready })
    }
}

impl<M: Fn() -> String + Send + Sync + 'static, R: Fn() -> bool + Send + Sync + 'static> Service for Admin<M, R> {
    async fn call(&self, request: Request<Body>, _: Peer) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if (self.is_ready)() => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
            "/metrics" => {
                let mut response = text(StatusCode::OK, (self.metrics)());
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
                response
            }
            _ => text(StatusCode::NOT_FOUND, "only /healthz, /readyz and /metrics are served here\n".to_owned()),
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
