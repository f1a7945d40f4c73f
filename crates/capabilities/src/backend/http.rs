//! A client for the operator's own HTTP services, such as Vault or a store of blobs: pooled connections over [`Connector`], answers of
//! bounded size, a bound on the time of each request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection as Connects};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::{Connector, ConnectorError, Stream};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that wait for their next request, and how long they wait.
const IDLE_MAX: usize = 32;
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client<Way, Full<Bytes>>,
    timeout: Duration,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The request was not answered.
    #[error("the request was not answered")]
    Request(#[source] hyper_util::client::legacy::Error),
    /// The answer broke off, or was longer than it may be.
    #[error("the answer broke off or was too large")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("no answer came within {} s", .0.as_secs_f32())]
    Timeout(Duration),
}

impl Http {
    /// A client of the server at the end of `connector`, each of whose requests may take `timeout`.
    pub(crate) fn new(connector: Connector, timeout: Duration) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE_MAX).pool_idle_timeout(IDLE_TIME_MAX).pool_timer(TokioTimer::new());
        Self { client: builder.build(Way(connector)), timeout }
    }

    /// Sends `request`, whose URI is absolute, and reads an answer of up to `body_bytes_max`.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>, body_bytes_max: usize) -> Result<Answer, HttpError> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(HttpError::Request)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), body_bytes_max).collect().await.map_err(HttpError::Body)?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(HttpError::Timeout(self.timeout)))
    }

    /// Sends `request` and leaves the body of the answer to the caller; the time bounds the head only.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn stream(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, HttpError> {
        let answered = tokio::time::timeout(self.timeout, self.client.request(request)).await;
        answered.map_err(|_| HttpError::Timeout(self.timeout))?.map_err(HttpError::Request)
    }
}

/// [`Connector`] as hyper's client wants it. The host of a URI is not looked at: there is one server.
#[derive(Clone)]
struct Way(Connector);

/// [`Stream`] as hyper's client wants it.
struct Link(TokioIo<Stream>);

impl tower_service::Service<hyper::Uri> for Way {
    type Response = Link;
    type Error = ConnectorError;
    type Future = BoxFuture<'static, Result<Link, ConnectorError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectorError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: hyper::Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move { Ok(Link(TokioIo::new(connector.connect(CONNECT_TIMEOUT).await?))) })
    }
}

impl Connects for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Link {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: hyper::rt::ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
