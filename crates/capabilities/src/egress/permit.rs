//! The right to connect to one destination, and the connection. The addresses were checked when the permit was made and are the only
//! ones that it will ever try: nothing looks the name up again.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::destination::Destination;
use super::networking::{Networking, Slot};

/// How long one address has the field to itself before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// The right to connect to a destination. Only a [`super::Policy`] makes one.
#[derive(Debug, Clone)]
pub struct Permit {
    destination: Destination,
    addresses: Vec<SocketAddr>,
    networking: Arc<Networking>,
}

/// A connection that a [`Permit`] made; it counts against the operator's bound until it is dropped.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    _slot: Slot,
}

/// Why a permitted connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Every connection that the operator allows is taken.
    #[error("`{0}` has to wait for a connection; raise `max_total_connections` in `[outbound_networking]` of the runtime configuration")]
    Limit(String),
    /// No address answered in time.
    #[error("`{0}` did not answer in time; check that it is up, or allow more time to connect")]
    Timeout(String),
    /// Every address refused.
    #[error("`{destination}` could not be reached; check that it is up and that its name and port are right")]
    Io {
        /// Where to.
        destination: String,
        /// What the last address that was tried said.
        source: io::Error,
    },
}

impl Permit {
    pub(super) fn new(destination: Destination, addresses: Vec<SocketAddr>, networking: Arc<Networking>) -> Self {
        Self { destination, addresses, networking }
    }

    /// What may be connected to, for names in TLS and for messages.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The addresses that may be connected to.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Whether every connection that the operator allows is taken, so that closing an idle one would help.
    #[must_use]
    pub fn has_to_wait(&self) -> bool {
        self.networking.is_full()
    }

    /// Connects to the first address that answers. `timeout` also bounds the wait for one of the operator's connections.
    ///
    /// # Errors
    /// [`ConnectError`] when no address answers in time.
    pub async fn connect(&self, timeout: Duration) -> Result<Connection, ConnectError> {
        let deadline = coracle_base::clock::now().checked_add(timeout).map(tokio::time::Instant::from_std);
        let slot = self.slot(deadline).await?;
        let connected = within(deadline, race(&self.addresses)).await;
        let stream = connected.ok_or_else(|| ConnectError::Timeout(self.destination.to_string()))?;
        let stream = stream.map_err(|source| ConnectError::Io { destination: self.destination.to_string(), source })?;
        // Guests write whole messages; waiting to fill a packet only delays them. Not every kind of socket knows the option.
        let _ = stream.set_nodelay(true);
        Ok(Connection { stream, _slot: slot })
    }

    /// Takes one of the operator's connections for a client that opens its own socket, which it may do to [`Permit::addresses`] only.
    ///
    /// # Errors
    /// [`ConnectError::Limit`] when none is free in time.
    pub async fn reserve(&self, timeout: Duration) -> Result<Slot, ConnectError> {
        self.slot(coracle_base::clock::now().checked_add(timeout).map(tokio::time::Instant::from_std)).await
    }

    async fn slot(&self, deadline: Option<tokio::time::Instant>) -> Result<Slot, ConnectError> {
        let slot = within(deadline, self.networking.connection()).await.flatten();
        slot.ok_or_else(|| ConnectError::Limit(self.destination.to_string()))
    }
}

/// `None` when the deadline passes first; without a deadline it never does.
async fn within<F: Future>(deadline: Option<tokio::time::Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

/// Tries the addresses in their order, each with a head start on the next.
async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut addresses = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        attempts.extend(addresses.next().map(|address| TcpStream::connect(*address)));
        if attempts.is_empty() {
            return Err(last);
        }
        let has_next = addresses.len() > 0;
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = tokio::time::sleep(HEAD_START), if has_next => {}
        }
    }
}

impl Connection {
    /// The address at the other end.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
