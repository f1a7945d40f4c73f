//! The native server that guests are compared with: hyper, one thread for each core, the same answer.

use std::convert::Infallible;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::stats::say;

/// Makes this program the server.
pub(crate) const FLAG: &str = "--native-server";

/// Serves until it is killed.
pub(crate) fn serve(workers: usize) -> Result<()> {
    let mut queues = Vec::new();
    for _ in 0..workers {
        let (sender, mut streams) = mpsc::unbounded_channel::<std::net::TcpStream>();
        queues.push(sender);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                while let Some(stream) = streams.recv().await {
                    tokio::spawn(connection(stream));
                }
            });
        });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        say(&format!("Serving http://{}", listener.local_addr()?));
        for queue in queues.iter().cycle() {
            let (stream, _) = listener.accept().await?;
            queue.send(stream.into_std()?).context("a worker has ended")?;
        }
        Ok(())
    })
}

async fn connection(stream: std::net::TcpStream) {
    let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
    let _ = stream.set_nodelay(true);
    let answer = service_fn(|_| async {
        let mut response = hyper::Response::new(Full::new(Bytes::from_static(b"Hello, world!\n")));
        response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
        Ok::<_, Infallible>(response)
    });
    // A client that goes away is not an error here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}
