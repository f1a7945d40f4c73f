//! What a server serves. It is called in the task of the connection (HTTP/1) or of the stream (HTTP/2), on the thread of the connection.

use std::sync::Arc;

use coracle_triggers::http::{Body, HttpApp, Peer};

/// Answers requests. A service maps its own failures to responses.
///
/// A request that reaches it carries scheme, authority and raw path in its URI, exactly one `host` that agrees with the authority, no
/// hop-by-hop field and none of the fields that only the host may set.
pub trait Service: Send + Sync + 'static {
    /// Answers `request`. Dropping the future, or the body of the response before its end, means that the caller went away.
    fn call(&self, request: http::Request<Body>, peer: Peer) -> impl Future<Output = http::Response<Body>> + Send;

    /// Waits for what calls have left running when their answers were complete. A thread of a server that stops asks for it when its last
    /// connection has ended, because what runs there ends with it.
    fn finish(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

impl<S: Service> Service for Arc<S> {
    fn call(&self, request: http::Request<Body>, peer: Peer) -> impl Future<Output = http::Response<Body>> + Send {
        S::call(self, request, peer)
    }

    fn finish(&self) -> impl Future<Output = ()> + Send {
        S::finish(self)
    }
}

/// The routes of one app.
impl Service for HttpApp {
    fn call(&self, request: http::Request<Body>, peer: Peer) -> impl Future<Output = http::Response<Body>> + Send {
        Self::call(self, request, peer)
    }

    fn finish(&self) -> impl Future<Output = ()> + Send {
        Self::finish(self)
    }
}
