//! One connection from its handshake to its end: which protocol it speaks, the parser with its bounds, and when it has to go.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use coracle_base::clock;
use coracle_base::metrics::HttpServer;
use coracle_triggers::http::Peer;
use futures::future::poll_fn;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::bounds::Bounds;
use crate::exchange::Exchange;
use crate::line::Line;
use crate::service::Service;
use crate::tls::Tls;
use crate::traffic::Counters;
use crate::turns::Turns;
use crate::wire::{Protocol, Wire};

/// How often an HTTP/2 connection is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What an HTTP/1 connection may hold of a message on its way, in each direction. With less, the kernel is given a long body in more pieces
/// and, where it paces what it sends, sets a timer for each.
const BUFFER_BYTES_MAX: usize = 320 << 10;

/// What the connections of one worker share.
pub(crate) struct Shared<S> {
    pub(crate) service: Arc<S>,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) turns: Turns,
    pub(crate) metrics: Option<Arc<HttpServer>>,
    /// The address that requests without a `host` (HTTP/1.0) are taken to be for.
    pub(crate) address: SocketAddr,
    pub(crate) drain: CancellationToken,
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S: Service>(shared: Arc<Shared<S>>, stream: TcpStream, client: SocketAddr) {
    // A failure costs some latency, nothing else.
    let _ = stream.set_nodelay(true);
    let Some(tls) = shared.tls.clone() else {
        return speak(shared, stream, Peer { client, tls: false }, None).await;
    };
    let handshake = tokio::time::timeout(shared.bounds.handshake, tls.accept(stream));
    let Some(handshake) = begin(&shared, handshake).await else { return };
    match handshake {
        Ok(Ok(stream)) => {
            let protocol = if stream.get_ref().1.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
            speak(shared, stream, Peer { client, tls: true }, Some(protocol)).await;
        }
        Ok(Err(error)) => tracing::debug!(%client, "the TLS handshake failed: {error}"),
        Err(_) => tracing::debug!(%client, "the TLS handshake took too long"),
    }
}

/// Waits for the beginning of a connection. Once the server is asked to stop it waits for a moment only, in which the first request of
/// a client that was let in just before can still arrive.
async fn begin<S, T>(shared: &Shared<S>, beginning: impl Future<Output = T>) -> Option<T> {
    let late = async {
        shared.drain.cancelled().await;
        tokio::time::sleep(shared.bounds.leave).await;
    };
    tokio::select! {
        biased;
        begun = beginning => Some(begun),
        () = late => None,
    }
}

async fn speak<S: Service, I>(shared: Arc<Shared<S>>, stream: I, peer: Peer, agreed: Option<Protocol>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let line = Arc::new(Line::new());
    let mut wire = Wire::new(stream, Arc::clone(&shared.bounds), Arc::clone(&line));
    let Some(seen) = begin(&shared, poll_fn(|context| wire.poll_protocol(context))).await.flatten() else { return };
    // What was agreed on by ALPN counts; another protocol is an error of that one.
    let protocol = agreed.unwrap_or(seen);
    wire.set_protocol(protocol);
    let drain = shared.drain.clone();
    match protocol {
        Protocol::Http1 => speak_http1(shared, wire, line, peer, drain).await,
        Protocol::Http2 => speak_http2(shared, wire, line, peer, drain).await,
    }
}

async fn speak_http1<S: Service, I>(shared: Arc<Shared<S>>, wire: Wire<I>, line: Arc<Line>, peer: Peer, drain: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The wire has refused what is larger already, with a reason.
    let (fields_max, head_bytes_max) = (shared.bounds.fields_max, shared.bounds.head_bytes_max);
    let exchange = Arc::new(Exchange::new(shared, line, peer));
    let service = service_fn(move |request| Arc::clone(&exchange).answer_http1(request));
    let mut builder = http1::Builder::new();
    builder.max_headers(fields_max).max_header_size(head_bytes_max).max_buf_size(BUFFER_BYTES_MAX.max(head_bytes_max));
    // The wire keeps the time, for a head apart from an idle connection.
    builder.header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(wire), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(client = %peer.client, "the connection broke: {}", coracle_base::chain(&error));
    }
}

async fn speak_http2<S: Service, I>(shared: Arc<Shared<S>>, wire: Wire<I>, line: Arc<Line>, peer: Peer, drain: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let bounds = Arc::clone(&shared.bounds);
    let builder = http2_builder(&bounds);
    let exchange = Arc::new(Exchange::new(shared, Arc::clone(&line), peer));
    let service = service_fn(move |request| Arc::clone(&exchange).answer_http2(request));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(wire), service));
    let mut look = tokio::time::interval(LOOK.min(bounds.idle).min(bounds.write_stall));
    let mut leaving_since = None;
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            () = drain.cancelled(), if leaving_since.is_none() => {
                leaving_since = Some(clock::now());
                connection.as_mut().graceful_shutdown();
            }
            _ = look.tick() => {
                let quiet = Duration::from_nanos(line.quiet_ns());
                if line.is_stalled() && quiet > bounds.write_stall {
                    // The client keeps its windows closed over answers that are ready.
                    tracing::debug!(client = %peer.client, "the client takes nothing; the connection is closed");
                    return;
                }
                match leaving_since {
                    None if line.is_idle() && quiet > bounds.idle => {
                        leaving_since = Some(clock::now());
                        connection.as_mut().graceful_shutdown();
                    }
                    // A client that does not answer the last ping has nothing left to wait for.
                    Some(since) if line.is_idle() && since.elapsed() > bounds.leave => return,
                    _ => {}
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(client = %peer.client, "the connection broke: {}", coracle_base::chain(&error));
    }
}

fn http2_builder(bounds: &Bounds) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.streams_max)
        .max_header_list_size(u32::try_from(bounds.head_bytes_max).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(bounds.resets_pending_max)
        .max_local_error_reset_streams(bounds.resets_local_max)
        .initial_stream_window_size(bounds.stream_window_bytes)
        .initial_connection_window_size(bounds.connection_window_bytes)
        .max_send_buf_size(bounds.stream_send_bytes_max)
        .keep_alive_interval(bounds.ping)
        .keep_alive_timeout(bounds.ping);
    builder
}
