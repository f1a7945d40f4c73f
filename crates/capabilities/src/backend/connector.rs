//! The way to one server: an address of the operator, or one that a guest was permitted, with or without TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use coracle_engine::Site;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::egress::{Clearance, ConnectError, Connection, Destination, DestinationError, Networking, Refusal};
use crate::tls;

/// The way to one server. Cheap to clone; each connection resolves the name anew, so that a server may move.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    clearance: Clearance,
    tls: Option<Arc<ClientConfig>>,
}

/// A connection, with TLS or without.
pub(crate) enum Stream {
    Plain(Connection),
    Tls(Box<TlsStream<Connection>>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectorError {
    /// The address may not be reached, or has no address.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It does not answer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not prove who it is, or speaks no TLS.
    #[error("`{destination}` could not be spoken to by TLS; check its certificate, and name who vouches for it in `ca_roots_file`")]
    Tls {
        /// Where to.
        destination: String,
        /// What went wrong.
        source: io::Error,
    },
    /// TLS took too long.
    #[error("`{0}` did not agree on TLS in time")]
    Timeout(String),
}

impl Connector {
    /// The way to an address that the operator bound to a label: it needs no grant, and closed networks do not count.
    pub(crate) fn of_operator(site: &Site, address: &str, default_scheme: &str) -> Result<Self, DestinationError> {
        let destination = Destination::parse(address, default_scheme)?;
        Ok(Self { clearance: Networking::of(site).clear_for_operator(destination), tls: None })
    }

    /// The way to an address that a guest asked for and was allowed.
    pub(crate) fn of_guest(clearance: Clearance) -> Self {
        Self { clearance, tls: None }
    }

    /// The same by TLS.
    #[must_use]
    pub(crate) fn with_tls(self, config: Arc<ClientConfig>) -> Self {
        Self { tls: Some(config), ..self }
    }

    /// Where to.
    pub(crate) fn destination(&self) -> &Destination {
        self.clearance.destination()
    }

    /// Where the name leads now, for clients that make their connections themselves.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`].
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, ConnectorError> {
        Ok(self.clearance.clone().resolve().await?.addresses().to_vec())
    }

    /// Connects; `timeout` bounds each of looking the name up, connecting, and agreeing on TLS.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub(crate) async fn connect(&self, timeout: Duration) -> Result<Stream, ConnectorError> {
        let permit = self.clearance.clone().resolve().await?;
        let connection = permit.connect(timeout).await?;
        match &self.tls {
            Some(config) => self.secure(connection, config, timeout).await,
            None => Ok(Stream::Plain(connection)),
        }
    }

    /// Goes on by TLS on a connection without it, as protocols do that agree on TLS in their own words. One with TLS stays as it is.
    ///
    /// # Errors
    /// [`ConnectorError`].
    pub(crate) async fn start_tls(&self, stream: Stream, config: &Arc<ClientConfig>, timeout: Duration) -> Result<Stream, ConnectorError> {
        match stream {
            Stream::Plain(connection) => self.secure(connection, config, timeout).await,
            secured @ Stream::Tls(_) => Ok(secured),
        }
    }

    async fn secure(&self, connection: Connection, config: &Arc<ClientConfig>, timeout: Duration) -> Result<Stream, ConnectorError> {
        let destination = || self.destination().to_string();
        let no_name = |source| ConnectorError::Tls { destination: destination(), source };
        let name = tls::server_name(&self.destination().host).ok_or_else(|| no_name(io::ErrorKind::InvalidInput.into()))?;
        let shaken = tokio::time::timeout(timeout, TlsConnector::from(Arc::clone(config)).connect(name, connection)).await;
        let stream = shaken.map_err(|_| ConnectorError::Timeout(destination()))?.map_err(no_name)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
