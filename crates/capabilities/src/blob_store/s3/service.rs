//! The store's requests over the host's own client, a bounded number at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use object_store::client::{ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use object_store::client::{HttpResponseBody, HttpService};
use tokio::sync::Semaphore;

use crate::backend::{self, Connector, Http};

/// How long the head of an answer may take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a request waits for one of the connections.
const WAIT_TIME_MAX: Duration = Duration::from_secs(5);

/// A client of one service. Clones share their connections.
#[derive(Clone)]
pub(super) struct Service {
    http: Http,
    connections: Arc<Semaphore>,
}

/// Every connection was in use for too long.
#[derive(Debug, thiserror::Error)]
#[error("every connection was in use for {} s; raise `max_connections` of the store", WAIT_TIME_MAX.as_secs())]
pub(super) struct Busy;

impl Service {
    pub(super) fn new(connector: Connector, connections_max: usize) -> Self {
        let connections = Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS));
        Self { http: Http::new(connector, HEAD_TIME_MAX), connections: Arc::new(connections) }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl HttpConnector for Service {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let waited = tokio::time::timeout(WAIT_TIME_MAX, Arc::clone(&self.connections).acquire_owned()).await;
        let slot = waited.ok().and_then(Result::ok).ok_or_else(|| HttpError::new(HttpErrorKind::Unknown, Busy))?;
        let (parts, body) = request.into_parts();
        let body = Full::new(body.collect().await?.to_bytes());
        let response = self.http.stream(http::Request::from_parts(parts, body)).await.map_err(failed)?;
        Ok(response.map(|body| {
            HttpResponseBody::new(body.map_err(move |error| {
                // The connection is in use until the body that this belongs to is dropped.
                let _ = &slot;
                HttpError::new(HttpErrorKind::Interrupted, error)
            }))
        }))
    }
}

fn failed(error: backend::HttpError) -> HttpError {
    let kind = match &error {
        backend::HttpError::Request(cause) if cause.is_connect() => HttpErrorKind::Connect,
        backend::HttpError::Timeout(_) => HttpErrorKind::Timeout,
        backend::HttpError::Request(_) | backend::HttpError::Body(_) => HttpErrorKind::Interrupted,
    };
    HttpError::new(kind, error)
}
