//! The native servers that guests are compared with: hyper without anything in between. They answer what the benchmark's guests answer, by
//! the same code where there is any.

mod answer;
pub mod catalogue;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::thread;

use anyhow::{Context as _, Result};
use coracle_base::shards;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;

/// Connections that the kernel completes while nobody accepts.
const BACKLOG: u32 = 1_024;

/// How a native server uses the cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// A thread for each core, each with its own listening socket: nothing is shared.
    PerCore,
    /// Tokio's runtime, which moves work to idle threads.
    Shared,
}

/// Serves at `address` until the process is killed.
///
/// # Errors
/// When it cannot listen.
pub fn serve(address: SocketAddr, threads: Threads) -> Result<()> {
    let cores = shards::cores().get();
    match threads {
        Threads::Shared => {
            let runtime = Builder::new_multi_thread().worker_threads(cores).enable_all().build()?;
            runtime.block_on(accept(listen(address, false)?))
        }
        Threads::PerCore => {
            let mut workers = Vec::new();
            for _ in 0..cores {
                workers.push(thread::spawn(move || {
                    let runtime = Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(async { accept(listen(address, true)?).await })
                }));
            }
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        }
    }
}

fn listen(address: SocketAddr, is_shared: bool) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(is_shared)?;
    socket.bind(address).with_context(|| format!("cannot listen on {address}"))?;
    Ok(socket)
}

async fn accept(socket: TcpSocket) -> Result<()> {
    let listener: TcpListener = socket.listen(BACKLOG)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) {
    // A failure costs some latency, nothing else.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer::answer(request).await) });
    // A client that goes away is not an error here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A native server inside a test, which ends with it.
    pub(crate) struct Native {
        pub(crate) address: SocketAddr,
        _runtime: tokio::runtime::Runtime,
    }

    impl Native {
        pub(crate) fn start() -> Self {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let entered = runtime.enter();
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let address = listener.local_addr().unwrap();
            drop(entered);
            runtime.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(connection(stream));
                }
            });
            Self { address, _runtime: runtime }
        }
    }
}
