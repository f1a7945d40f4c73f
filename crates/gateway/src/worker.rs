//! A thread that serves connections. Each connection is one task, which also runs the guest; nothing is handed to another thread.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{self, Shared};
use crate::service::Service;
use crate::traffic::{Counters, Gauged, add, subtract};

/// How long blocking work of a connection that was cut may hold up the end of the thread.
const LAST_WORK: std::time::Duration = std::time::Duration::from_millis(500);

/// A connection on its way to a worker.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) client: SocketAddr,
    pub(crate) open: OpenConnection,
}

/// Counts a connection as long as it lives.
pub(crate) struct OpenConnection(Arc<Counters>);

impl OpenConnection {
    pub(crate) fn count(counters: &Arc<Counters>) -> Self {
        add(&counters.connections_open, 1);
        add(&counters.connections, 1);
        Self(Arc::clone(counters))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        subtract(&self.0.connections_open, 1);
    }
}

/// What a worker needs to begin.
pub(crate) struct Worker<S> {
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) incoming: mpsc::UnboundedReceiver<Accepted>,
    pub(crate) cut: CancellationToken,
    pub(crate) done: oneshot::Sender<()>,
}

impl<S: Service> Worker<S> {
    /// Serves until the acceptor has stopped and all connections have ended with what they left running, or were cut.
    pub(crate) fn run(self) {
        let Self { runtime, shared, mut incoming, cut, done } = self;
        runtime.block_on(async {
            let connections = TaskTracker::new();
            let serve_all = async {
                while let Some(accepted) = incoming.recv().await {
                    serve(&connections, &shared, accepted);
                }
                connections.close();
                connections.wait().await;
                shared.service.finish().await;
            };
            tokio::select! {
                () = serve_all => {}
                () = cut.cancelled() => {}
            }
        });
        runtime.shutdown_timeout(LAST_WORK);
        // Whoever waits for this may have given up.
        let _ = done.send(());
    }
}

fn serve<S: Service>(connections: &TaskTracker, shared: &Arc<Shared<S>>, accepted: Accepted) {
    let Accepted { stream, client, open } = accepted;
    match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => {
            let shared = Arc::clone(shared);
            connections.spawn(async move {
                let _gauged = shared.metrics.clone().map(Gauged::connection);
                connection::serve(shared, stream, client).await;
                drop(open);
            });
        }
        Err(error) => tracing::warn!(%client, "a connection could not be taken over: {error}"),
    }
}
