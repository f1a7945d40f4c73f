//! A server: one thread that accepts, some that serve, and how it stops.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use coracle_base::metrics::HttpServer;
use coracle_base::shards::cores;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::acceptor::{Acceptor, Desk};
use crate::bounds::Bounds;
use crate::connection::Shared;
use crate::listener::Listener;
use crate::service::Service;
use crate::tls::Tls;
use crate::traffic::{Counters, Traffic};
use crate::turns::Turns;
use crate::worker::Worker;

/// The share of the process's file descriptors that connections may take, in percent; guests need some too.
const DESCRIPTORS_PERCENT: u64 = 80;
/// Polls of tasks between two looks at sockets and timers. Guests that compute give their thread back at each tick of the epoch: where there
/// are many, others' requests and deadlines would wait for 61 turns of them with tokio's own number.
const EVENT_INTERVAL: u32 = 8;
/// Threads of one worker for blocking work.
const BLOCKING_THREADS_MAX: usize = 64;
/// How long cut connections may take to fall.
const FALL: Duration = Duration::from_secs(1);

/// How a server runs.
#[derive(Debug)]
pub struct Settings {
    /// What its threads are called, for those who look at the process: at most nine characters are shown.
    pub name: &'static str,
    /// Threads that serve.
    pub workers: NonZeroUsize,
    pub bounds: Bounds,
    /// `None` speaks cleartext.
    pub tls: Option<Arc<Tls>>,
    /// Where requests and connections are counted and timed too, beside [`Server::traffic`].
    pub metrics: Option<Arc<HttpServer>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { name: "http", workers: cores(), bounds: Bounds::default(), tls: None, metrics: None }
    }
}

/// A server that runs. Dropping it cuts every connection; [`Server::shutdown`] lets them finish.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    counters: Vec<Arc<Counters>>,
    workers: Vec<oneshot::Receiver<()>>,
    drain: CancellationToken,
    cut: CancellationToken,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a thread of the server cannot be started; the limit of processes or of memory may be reached")]
    Thread(#[source] io::Error),
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still being answered when the grace was over. 0 is a clean end.
    pub requests_cut: u64,
}

impl Server {
    /// Serves what comes in at `listener`.
    ///
    /// # Errors
    /// [`StartError`] when the system gives no more threads.
    pub fn start<S: Service>(listener: Listener, settings: Settings, service: S) -> Result<Self, StartError> {
        let (drain, cut) = (CancellationToken::new(), CancellationToken::new());
        let address = listener.local_addr();
        let Settings { name, workers: count, bounds, tls, metrics } = settings;
        let connections_max = bounds.connections_max.min(connections_possible());
        let (bounds, service) = (Arc::new(bounds), Arc::new(service));
        let own = Arc::new(Counters::default());
        let mut server = Self { address, counters: vec![Arc::clone(&own)], workers: Vec::new(), drain, cut };
        let mut desks = Vec::new();
        for number in 0..count.get() {
            let counters = Arc::new(Counters::default());
            let (sender, incoming) = mpsc::unbounded_channel();
            let (done, ended) = oneshot::channel();
            let shared = Arc::new(Shared {
                service: Arc::clone(&service),
                bounds: Arc::clone(&bounds),
                tls: tls.clone(),
                counters: Arc::clone(&counters),
                turns: Turns::default(),
                metrics: metrics.clone(),
                address,
                drain: server.drain.clone(),
            });
            let worker = Worker { runtime: runtime()?, shared, incoming, cut: server.cut.clone(), done };
            spawn(format!("{name}-{number}"), move || worker.run())?;
            server.workers.push(ended);
            server.counters.push(Arc::clone(&counters));
            desks.push(Desk { counters, connections: sender });
        }
        let acceptor = Acceptor { desks, connections_max, tls, counters: own, drain: server.drain.clone() };
        let runtime = runtime()?;
        spawn(format!("{name}-accept"), move || runtime.block_on(acceptor.run(listener.socket)))?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it has done.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        traffic(&self.counters)
    }

    /// Something that tells later what it has done.
    pub fn meter(&self) -> impl Fn() -> Traffic + Send + Sync + 'static {
        let counters = self.counters.clone();
        move || traffic(&counters)
    }

    /// Something that tells later whether it still accepts.
    pub fn readiness(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let drain = self.drain.clone();
        move || !drain.is_cancelled()
    }

    /// Stops accepting at once, closes idle connections, and gives requests in progress `grace` to finish. HTTP/1 clients are told by
    /// `connection: close`, HTTP/2 ones by GOAWAY.
    pub async fn shutdown(mut self, grace: Duration) -> Drained {
        self.drain.cancel();
        let mut workers = std::mem::take(&mut self.workers);
        let all = async {
            while let Some(worker) = workers.last_mut() {
                // An error means that the thread is gone, which is what we wait for.
                let _ = worker.await;
                workers.pop();
            }
        };
        if tokio::time::timeout(grace, all).await.is_ok() {
            return Drained { requests_cut: 0 };
        }
        let requests_cut = self.traffic().requests_open;
        self.cut.cancel();
        let fallen = futures::future::join_all(workers);
        if tokio::time::timeout(FALL, fallen).await.is_err() {
            tracing::warn!("a thread of the server is still busy with work that was cut");
        }
        Drained { requests_cut }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain.cancel();
        self.cut.cancel();
    }
}

fn traffic(counters: &[Arc<Counters>]) -> Traffic {
    counters.iter().fold(Traffic::default(), |mut sum, counters| {
        sum += counters.read();
        sum
    })
}

fn runtime() -> Result<Runtime, StartError> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).event_interval(EVENT_INTERVAL);
    builder.build().map_err(StartError::Thread)
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    thread::Builder::new().name(name).spawn(run).map(drop).map_err(StartError::Thread)
}

/// As many connections as the process has descriptors for.
fn connections_possible() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit.saturating_mul(DESCRIPTORS_PERCENT) / 100).unwrap_or(usize::MAX))
}
