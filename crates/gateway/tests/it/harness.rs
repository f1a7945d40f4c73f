//! A server for one test, and what reached its service.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coracle_base::clock;
use coracle_base::metrics::HttpServer;
use coracle_gateway::{Bounds, Listener, Server, Service, Settings, Tls};
use coracle_testkit::raw::{self, PATIENCE};
use coracle_triggers::http::{Body, Peer};
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;

/// What a service was called with.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: http::HeaderMap,
    /// `None` when it broke off.
    pub(crate) body: Option<String>,
}

type Answer = Box<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A server on a port of its own.
pub(crate) struct Site {
    pub(crate) server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub(crate) struct Options {
    pub(crate) bounds: Bounds,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) workers: usize,
    pub(crate) metrics: Option<Arc<HttpServer>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { bounds: Bounds::default(), tls: None, workers: 1, metrics: None }
    }
}

struct Called {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Option<Answer>,
}

impl Service for Called {
    async fn call(&self, request: Request<Body>, _: Peer) -> Response<Body> {
        let mut seen =
            Seen { method: request.method().to_string(), uri: request.uri().to_string(), headers: request.headers().clone(), body: None };
        if let Some(answer) = &self.answer {
            self.seen.lock().unwrap().push(seen);
            return answer(request).await;
        }
        seen.body = request.into_body().collect().await.ok().map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
        let text = format!("{} {}", seen.method, seen.body.as_deref().unwrap_or("broken"));
        self.seen.lock().unwrap().push(seen);
        Response::new(Body::full(text))
    }
}

impl Site {
    /// Answers every request with its method and body.
    pub(crate) fn echo() -> Self {
        Self::start(Options::default(), None)
    }

    pub(crate) fn echo_with(bounds: Bounds) -> Self {
        Self::start(Options { bounds, ..Options::default() }, None)
    }

    /// Answers as `answer` does.
    pub(crate) fn answering<F>(options: Options, answer: impl Fn(Request<Body>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start(options, Some(Box::new(move |request| Box::pin(answer(request)))))
    }

    pub(crate) fn start(options: Options, answer: Option<Answer>) -> Self {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let seen = Arc::default();
        let service = Called { seen: Arc::clone(&seen), answer };
        let workers = NonZeroUsize::new(options.workers).unwrap();
        let settings = Settings { bounds: options.bounds, tls: options.tls, workers, metrics: options.metrics, ..Settings::default() };
        let server = Server::start(listener, settings, service).unwrap();
        Self { server, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<raw::Response> {
        let answer = raw::exchange(self.address(), bytes.as_ref()).unwrap();
        raw::Response::parse_all(&answer).unwrap()
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begun = clock::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "still waiting: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
