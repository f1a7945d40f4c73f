//! libSQL over HTTP: databases of a server such as Turso's, spoken to by its protocol of pipelines (Hrana). A connection is a stream of the
//! server, which a transaction lives in; it is closed with the connection, and what was not committed by then is undone.

mod base64;
mod config;
mod effect;
mod hrana;

#[cfg(test)]
pub(super) mod tests;

pub(super) use config::KIND;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{Full, LengthLimitError};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::time::timeout;

use self::effect::Effect;
use self::hrana::{Outcome, Pipeline, Reply, Step};
use super::{Connection, Database, Error, Limits, Rows, Table, Value};
use crate::backend::{Answer, Http, HttpError};
use crate::resolver::Secret;

/// What an answer holds besides values, and how much longer a value may be as JSON.
const ENVELOPE_BYTES_MAX: usize = 64 << 10;
const JSON_FACTOR: usize = 4;

/// A database of a server.
pub(super) struct Remote(Arc<Service>);

struct Service {
    http: Http,
    /// Where pipelines are sent.
    uri: http::Uri,
    /// What goes before the server, if it asks for something.
    token: Option<Secret>,
    limits: Limits,
}

/// A connection of one instance.
struct Link {
    service: Arc<Service>,
    stream: Arc<Mutex<Stream>>,
    last_insert_rowid: AtomicI64,
    changes: AtomicU64,
}

/// What the server keeps for a connection.
enum Stream {
    /// Nothing yet.
    New,
    /// Something, which it finds by this word.
    Open(String),
    /// It let it go, and a transaction with it.
    Lost,
}

impl Remote {
    fn new(http: Http, uri: http::Uri, token: Option<Secret>, limits: Limits) -> Self {
        Self(Arc::new(Service { http, uri, token, limits }))
    }
}

impl Service {
    /// Sends `steps` on `stream`, and notes what becomes of it.
    async fn exchange(&self, stream: &mut Stream, steps: Vec<Step>) -> Result<Vec<Outcome>, Error> {
        let baton = match std::mem::replace(stream, Stream::Lost) {
            Stream::New => None,
            Stream::Open(baton) => Some(baton),
            Stream::Lost => {
                return Err(backend("the connection to the database is lost; open another one", "the stream is gone".to_owned()));
            }
        };
        let Reply { baton, base_url, results } = self.send(&Pipeline { baton, requests: steps }).await?;
        // It would be the guest's data that goes there, and the operator named another place.
        if let Some(elsewhere) = base_url {
            return Err(backend("the database failed", format!("the server wants to be called at `{elsewhere}`, which is not followed")));
        }
        if let Some(baton) = baton {
            *stream = Stream::Open(baton);
        }
        Ok(results)
    }

    async fn send(&self, pipeline: &Pipeline) -> Result<Reply, Error> {
        let body = serde_json::to_vec(pipeline).map_err(|error| backend("the database failed", error.to_string()))?;
        let mut request = Request::builder().method(Method::POST).uri(self.uri.clone()).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| backend("the database failed", error.to_string()))?;
        let body_bytes_max = self.limits.result_bytes_max.saturating_mul(JSON_FACTOR).saturating_add(ENVELOPE_BYTES_MAX);
        let Answer { status, body } = self.http.send(request, body_bytes_max).await.map_err(|error| self.failed(&error))?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(|error| backend("the database failed", error.to_string())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(backend("the database refuses this app", format!("it answered {status}")))
            }
            _ => Err(backend("the database failed", format!("it answered {status}"))),
        }
    }

    fn failed(&self, error: &HttpError) -> Error {
        match error {
            HttpError::Timeout(_) => Error::TooSlow { ms_max: self.limits.statement_time_max.as_millis() },
            HttpError::Body(cause) if cause.is::<LengthLimitError>() => Error::ResultTooLarge { bytes_max: self.limits.result_bytes_max },
            other => backend("the database cannot be reached", coracle_base::chain(other).to_string()),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let (service, stream) = (Arc::clone(&self.service), Arc::clone(&self.stream));
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            // A statement that is under way ends first; the client bounds its time.
            let mut stream = stream.lock().await;
            if matches!(*stream, Stream::Open(_)) {
                // If this is lost, the server closes what nobody calls for some seconds.
                let _ = service.exchange(&mut stream, vec![Step::Close]).await;
            }
        });
    }
}

impl Link {
    /// Runs one step. It goes on when nobody waits any more, so that the stream is known and can be closed.
    async fn step(&self, step: Step) -> Result<Outcome, Error> {
        let wait_max = self.service.limits.wait_max;
        let mut stream: OwnedMutexGuard<Stream> =
            timeout(wait_max, Arc::clone(&self.stream).lock_owned()).await.map_err(|_| Error::Busy)?;
        let service = Arc::clone(&self.service);
        let exchanged = tokio::spawn(async move { service.exchange(&mut stream, vec![step]).await }).await;
        let results = exchanged.map_err(|error| backend("the database failed", error.to_string()))??;
        results.into_iter().next().ok_or_else(|| backend("the database failed", "it answered nothing".to_owned()))
    }

    async fn run(&self, statement: String, parameters: Vec<Value>) -> Result<Table, Error> {
        let bytes_max = self.service.limits.statement_bytes_max;
        if statement.len() > bytes_max {
            return Err(Error::Statement(format!("a statement may have {bytes_max} bytes")));
        }
        let effect = Effect::of(&statement);
        let outcome = self.step(Step::execute(statement, parameters)?).await?;
        let result = outcome.into_result()?;
        let bytes_max = self.service.limits.result_bytes_max;
        let table = hrana::table(&result, bytes_max)?;
        // Of other statements the protocol promises nothing, and SQLite still tells of the one before.
        if effect != Effect::None {
            self.changes.store(result.affected_row_count, Relaxed);
        }
        let rowid = result.last_insert_rowid.as_deref().and_then(|rowid| rowid.parse().ok());
        if let Some(rowid) = rowid.filter(|_| effect == Effect::Insert) {
            self.last_insert_rowid.store(rowid, Relaxed);
        }
        Ok(table)
    }
}

#[async_trait]
impl Database for Remote {
    async fn connect(&self) -> Result<Arc<dyn Connection>, Error> {
        // The server makes a stream when it is first spoken to.
        let stream = Arc::new(Mutex::new(Stream::New));
        let service = Arc::clone(&self.0);
        Ok(Arc::new(Link { service, stream, last_insert_rowid: AtomicI64::new(0), changes: AtomicU64::new(0) }))
    }
}

#[async_trait]
impl Connection for Link {
    async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Table, Error> {
        self.run(statement, parameters).await
    }

    /// The protocol has whole results only, which are bounded.
    async fn query(&self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        let Table { columns, rows } = self.run(statement, parameters).await?;
        let (sender, receiver) = mpsc::channel(rows.len().max(1));
        for row in rows {
            // There is room for all of them.
            let _ = sender.try_send(Ok(row));
        }
        let running: Box<dyn Any + Send> = Box::new(());
        Ok(Rows { columns, rows: receiver, running })
    }

    async fn script(&self, statements: String) -> Result<(), Error> {
        self.step(Step::Sequence { sql: statements }).await?.into_done()
    }

    fn last_insert_rowid(&self) -> i64 {
        self.last_insert_rowid.load(Relaxed)
    }

    fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }
}

fn backend(public: &'static str, internal: String) -> Error {
    Error::Backend { public, internal }
}
