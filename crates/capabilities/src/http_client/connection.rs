//! Makes a new connection: a permit of `egress`, TLS where the scheme asks for it, and HTTP/1.1 or HTTP/2 as the server prefers.

use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

use super::error;
use super::outbound::Outbound;
use super::pool::{ConnectionSlot, Key, Lease, Pool, Sender};
use crate::egress::Clearance;
use crate::tls;

/// The head of a response, and what is read ahead of a guest, in bytes.
const HEAD_BYTES_MAX: usize = 256 << 10;
const FIELDS_MAX: usize = 1_024;
/// What a server may send ahead of a guest on HTTP/2: for one response, and for all on the connection.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;
/// How often a busy HTTP/2 connection is asked for a sign of life, and how long that may take.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to where `clearance` leads, before `deadline`.
pub(super) async fn connect(outbound: &Outbound, key: Key, clearance: Clearance, deadline: Instant) -> Result<Lease, Error> {
    let asked = Instant::now();
    let slot = tokio::time::timeout_at(deadline, outbound.pool.slot()).await.ok().flatten();
    outbound.permits.count(slot.is_some(), asked.elapsed());
    let slot = slot.ok_or(Error::ConnectionLimitReached)?;
    let connected = tokio::time::timeout_at(deadline, open(outbound, key, clearance, slot, deadline)).await;
    connected.unwrap_or(Err(Error::ConnectionTimeout))
}

async fn open(outbound: &Outbound, key: Key, clearance: Clearance, slot: ConnectionSlot, deadline: Instant) -> Result<Lease, Error> {
    let permit = clearance.resolve().await.map_err(error::of_refusal)?;
    if permit.has_to_wait() {
        outbound.pool.close_oldest();
    }
    let connection = permit.connect(deadline.saturating_duration_since(Instant::now())).await.map_err(error::of_connect)?;
    let Some(identity) = key.identity else {
        let is_h2 = key.h2c;
        return speak(&outbound.pool, key, slot, connection, is_h2).await;
    };
    let config = outbound.tls.config(identity).await?;
    let name = tls::server_name(&key.host).ok_or(Error::HttpRequestUriInvalid)?;
    let stream = TlsConnector::from(config).connect(name, connection).await.map_err(|error| error::of_tls(&error))?;
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(&outbound.pool, key, slot, stream, is_h2).await
}

/// Begins HTTP on a stream. From here on a task of its own runs the connection.
async fn speak<S>(pool: &Arc<Pool>, key: Key, slot: ConnectionSlot, stream: S, is_h2: bool) -> Result<Lease, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let id = pool.next_id();
    let weak = Arc::downgrade(pool);
    let stream = TokioIo::new(stream);
    let sender = if is_h2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .max_send_buf_size(HEAD_BYTES_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT);
        let (sender, connection) = builder.handshake(stream).await.map_err(error::of_hyper)?;
        tokio::spawn(Pool::drive(weak, key.clone(), id, slot, connection));
        Sender::H2(sender)
    } else {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
        let (sender, connection) = builder.handshake(stream).await.map_err(error::of_hyper)?;
        tokio::spawn(Pool::drive(weak, key.clone(), id, slot, connection));
        Sender::H1(sender)
    };
    Ok(pool.adopt(key, id, sender))
}
