//! The listener and the app behind it. The app can be replaced while the server runs: requests that have begun stay with the version
//! that they began with.

use std::sync::Arc;
use std::time::Duration;

use coracle_gateway::{Admin, Bounds, Drained, Listener, Server, Service, Settings, Tls};
use coracle_triggers::http::{Body, HttpApp, Peer};
use parking_lot::RwLock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::arguments::ListenArguments;

/// More open files than any server here needs.
const FILES_MAX: u64 = 1 << 20;

/// Ports above the one that was asked for which `--find-free-port` tries.
const PORTS_TRIED: u16 = 10;

/// How long requests in progress may take when the program is asked to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Sockets that listen, before there is anything to serve: a port in use is the first thing to be said.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: Listener,
    admin: Option<Listener>,
    settings: Settings,
    scheme: &'static str,
}

/// The app that answers now.
#[derive(Debug, Clone)]
pub(crate) struct Front(Arc<RwLock<Arc<HttpApp>>>);

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Serving {
    server: Server,
    _admin: Option<Server>,
    base: String,
}

/// The longest request body that a manifest may allow.
const REQUEST_BODY_BYTES_MAX: u64 = 1_024 << 30;

/// The largest head of a response that a manifest may allow.
const RESPONSE_HEAD_BYTES_MAX: usize = 1 << 20;

impl Listening {
    /// Listens where `arguments` say.
    pub(crate) fn open(arguments: &ListenArguments) -> anyhow::Result<Self> {
        allow_many_files();
        let listener = if arguments.find_free_port {
            Listener::bind_upward(arguments.listen, PORTS_TRIED)?
        } else {
            Listener::bind(arguments.listen)?
        };
        let admin = arguments.admin_listen.map(Listener::bind).transpose()?;
        let tls = match (&arguments.tls_cert, &arguments.tls_key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Tls::open(certificate, key)?)),
            _ => None,
        };
        // Each component has its own bounds on these; here they are as wide as any manifest may make them.
        let mut bounds =
            Bounds { body_bytes_max: REQUEST_BODY_BYTES_MAX, response_head_bytes_max: RESPONSE_HEAD_BYTES_MAX, ..Bounds::default() };
        if let Some(bytes) = arguments.http1_max_buf_size {
            bounds.head_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok(Self { listener, admin, settings: Settings { bounds, tls, ..Settings::default() }, scheme })
    }

    /// Serves `front` from now on.
    pub(crate) fn serve(self, front: Front) -> anyhow::Result<Serving> {
        let base = format!("{}://{}", self.scheme, self.listener.local_addr());
        let server = Server::start(self.listener, self.settings, front)?;
        let traffic = server.meter();
        let metrics = move || format!("{}{}", coracle_base::metrics::global().render(), traffic());
        let ready = server.readiness();
        let admin = self.admin.map(|admin| Admin::start(admin, metrics, ready)).transpose()?;
        Ok(Serving { server, _admin: admin, base })
    }
}

impl Serving {
    /// The URL of the app's root, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Stops accepting and lets requests in progress finish.
    pub(crate) async fn shutdown(self) -> Drained {
        self.server.shutdown(GRACE).await
    }
}

impl Front {
    /// Answers by `app`.
    pub(crate) fn new(app: Arc<HttpApp>) -> Self {
        Self(Arc::new(RwLock::new(app)))
    }

    /// Answers by `app` from now on.
    pub(crate) fn replace(&self, app: Arc<HttpApp>) {
        *self.0.write() = app;
    }
}

impl Service for Front {
    async fn call(&self, request: http::Request<Body>, peer: Peer) -> http::Response<Body> {
        let app = Arc::clone(&self.0.read());
        app.call(request, peer).await
    }

    async fn finish(&self) {
        let app = Arc::clone(&self.0.read());
        app.finish().await;
    }
}

/// Allows this process as many open files as the system lets it: a shell's usual 1,024 are few for a server, which keeps its connections
/// within what is allowed.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(FILES_MAX).min(FILES_MAX);
    if limit.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
    {
        tracing::debug!("the limit of open files stays as it is: {error}");
    }
}
