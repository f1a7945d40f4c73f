//! A connection to a server, whoever uses it: its prepared statements, how a statement is stopped, and how it is made clean.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures::future::{OptionFuture, try_join3};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt as _;
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::framing::{Framing, Status};
use super::server::Server;
use crate::backend::{Pooled, Stream};
use crate::postgres::{Error, Refusal};

/// What ends all that a session can leave behind, but for an open transaction and prepared statements. What `DISCARD ALL` does beside
/// that; the statements that this client prepared may stay, since the next user is the same component.
const CLEAN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(); \
                     DISCARD TEMP; DISCARD SEQUENCES";

/// Finds a statement that a guest prepared by SQL.
const PREPARED_BY_GUEST: &str = "SELECT 1 FROM pg_catalog.pg_prepared_statements WHERE from_sql LIMIT 1";

/// A connection. It is closed when it is dropped, which undoes what was not committed.
pub(super) struct Link {
    pub(super) client: Client,
    statements: Mutex<HashMap<String, Statement>>,
    status: Arc<Status>,
    is_broken: AtomicBool,
    driver: AbortHandle,
}

impl Pooled for Arc<Link> {
    fn is_usable(&self) -> bool {
        !self.client.is_closed() && !self.is_broken.load(Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Introduces `config` to the server.
    pub(super) async fn open(stream: Framing<Stream>, config: &Config) -> Result<Self, Error> {
        let status = stream.status();
        let (client, mut connection) = config.connect_raw(stream, NoTls).await.map_err(|error| refused_entry(&error))?;
        // What the server says beside its answers, such as notices, nobody listens to.
        let driver =
            tokio::spawn(async move { while let Some(Ok(_)) = std::future::poll_fn(|context| connection.poll_message(context)).await {} });
        let (statements, is_broken) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self { client, statements, status, is_broken, driver: driver.abort_handle() })
    }

    /// Keeps the connection from being used again.
    pub(super) fn give_up(&self) {
        self.is_broken.store(true, Relaxed);
    }

    /// `statement`, prepared. Up to `kept_max` statements stay so.
    pub(super) async fn prepare(&self, statement: &str, kept_max: usize) -> Result<Statement, tokio_postgres::Error> {
        let kept = self.statements.lock().get(statement).cloned();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let prepared = self.client.prepare(statement).await?;
        let mut statements = self.statements.lock();
        if statements.len() >= kept_max {
            statements.clear();
        }
        statements.insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// Whether `error` says that a statement prepared earlier no longer fits, so that it has to be prepared anew. It is forgotten.
    pub(super) fn is_stale(&self, statement: &str, error: &tokio_postgres::Error) -> bool {
        let is_stale =
            error.code().is_some_and(|code| [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::FEATURE_NOT_SUPPORTED].contains(code));
        is_stale && self.statements.lock().remove(statement).is_some()
    }

    /// Stops the statement that runs, and waits until the server is ready for another one.
    pub(super) async fn cancel(&self, server: &Server, time_max: Duration) {
        let token = self.client.cancel_token();
        let cancelled = tokio::time::timeout(time_max, async {
            let mut stream = server.stream().await.map_err(io::Error::other)?;
            token.cancel_query_raw(&mut stream, NoTls).await.map_err(io::Error::other)?;
            // The server closes the connection when it has passed the word on. A statement sent before that might be hit in its place.
            stream.read_to_end(&mut Vec::new()).await?;
            self.client.check_connection().await.map_err(io::Error::other)
        });
        if !matches!(cancelled.await, Ok(Ok(()))) {
            self.give_up();
        }
    }

    /// Undoes what was not committed, and all else that the session left. Whether it is clean now.
    pub(super) async fn reset(&self, time_max: Duration) -> bool {
        if self.client.is_closed() || self.is_broken.load(Relaxed) {
            return false;
        }
        let rollback: OptionFuture<_> = self.status.is_in_transaction().then(|| self.client.batch_execute("ROLLBACK")).into();
        let rollback = async { rollback.await.transpose() };
        let prepared_by_guest = async {
            let statement = self.prepare(PREPARED_BY_GUEST, usize::MAX).await?;
            Ok(!self.client.query(&statement, &[]).await?.is_empty())
        };
        // All of it is under way before the first answer comes.
        let cleaned = tokio::time::timeout(time_max, try_join3(rollback, self.client.batch_execute(CLEAN), prepared_by_guest)).await;
        matches!(cleaned, Ok(Ok((_, (), false)))) && !self.status.is_in_transaction()
    }
}

/// What a guest is told of a statement that failed; where the connection is at fault it is not used again.
pub(super) fn failed(link: &Link, error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(cause) => Error::Refused(Box::new(refusal(cause))),
        None => {
            link.give_up();
            tracing::warn!("a connection to PostgreSQL broke: {}", coracle_base::chain(error));
            Error::Lost
        }
    }
}

fn refused_entry(error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(cause) => Error::Connection(cause.message().to_owned()),
        None => {
            tracing::warn!("PostgreSQL did not let us in: {}", coracle_base::chain(error));
            Error::Connection("the server did not let us in".to_owned())
        }
    }
}

fn refusal(cause: &tokio_postgres::error::DbError) -> Refusal {
    let line = cause.line().map(|line| line.to_string());
    let position = match cause.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(position.to_string()),
        _ => None,
    };
    let extras = [
        ("hint", cause.hint()),
        ("position", position.as_deref()),
        ("where", cause.where_()),
        ("schema", cause.schema()),
        ("table", cause.table()),
        ("column", cause.column()),
        ("datatype", cause.datatype()),
        ("constraint", cause.constraint()),
        ("file", cause.file()),
        ("line", line.as_deref()),
        ("routine", cause.routine()),
    ];
    let extras = extras.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    Refusal {
        text: cause.to_string(),
        severity: cause.severity().to_owned(),
        code: cause.code().code().to_owned(),
        message: cause.message().to_owned(),
        detail: cause.detail().map(str::to_owned),
        extras,
    }
}
