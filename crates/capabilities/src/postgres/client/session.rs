//! A connection while one instance has it. Statements run one after the other; one that nobody waits for any more is stopped, and with its
//! last user the session goes back to the pool, or is closed if it cannot be made clean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::{RowStream, Statement};

use super::decode::{Raw, decode};
use super::encode::{Encoded, encode};
use super::link::{Link, failed};
use super::server::Server;
use crate::backend::{Place, Pooled as _};
use crate::postgres::{Column, Error, Limits, Row, Rows, Session, Value};

/// A session, which its users share.
pub(super) struct Held(Arc<Loan>);

/// A connection on loan from the pool.
struct Loan {
    server: Arc<Server>,
    link: Arc<Link>,
    turn: Arc<Mutex<()>>,
    /// Whether anything was said.
    is_used: AtomicBool,
    place: Option<Place<Arc<Link>>>,
}

/// A statement that runs. Nothing else is sent until it is over, one way or the other.
struct Running {
    loan: Arc<Loan>,
    turn: Option<OwnedMutexGuard<()>>,
    is_over: bool,
}

impl Held {
    pub(super) fn new(server: Arc<Server>, link: Arc<Link>, place: Place<Arc<Link>>) -> Self {
        Self(Arc::new(Loan { server, link, turn: Arc::default(), is_used: AtomicBool::new(false), place: Some(place) }))
    }

    async fn begin(&self) -> Result<Running, Error> {
        let Self(loan) = self;
        let turn = tokio::time::timeout(loan.limits().wait_max, Arc::clone(&loan.turn).lock_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?;
        loan.is_used.store(true, Relaxed);
        Ok(Running { loan: Arc::clone(loan), turn: Some(turn), is_over: false })
    }
}

impl Loan {
    fn limits(&self) -> &Limits {
        self.server.limits()
    }

    fn too_slow(&self) -> Error {
        Error::TooSlow { ms_max: self.limits().statement_time_max.as_millis() }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if !self.is_used.load(Relaxed) {
            place.keep(Arc::clone(&self.link));
            return;
        }
        let (server, link, turn) = (Arc::clone(&self.server), Arc::clone(&self.link), Arc::clone(&self.turn));
        // Without a runtime the connection is closed, which undoes as much.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let time_max = server.limits().reset_time_max;
            let is_free = tokio::time::timeout(time_max, turn.lock()).await.is_ok();
            if is_free && link.reset(time_max).await {
                place.keep(link);
            }
        });
    }
}

impl Running {
    fn link(&self) -> &Link {
        &self.loan.link
    }

    /// Bounds what the server is asked, and tells what went wrong.
    async fn within<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        let time_max = self.loan.limits().statement_time_max;
        match tokio::time::timeout(time_max, asked).await {
            Ok(answered) => answered.map_err(|error| failed(self.link(), &error)),
            Err(_) => Err(self.loan.too_slow()),
        }
    }

    /// Prepares `statement`, and makes its parameters ready.
    async fn ready(&self, statement: &str, parameters: Vec<Value>) -> Result<(Statement, Vec<Encoded>), Error> {
        if statement.contains('\0') {
            return Err(Error::Parameter("the statement holds a zero byte; take it out".to_owned()));
        }
        let prepared = self.within(self.prepare(statement)).await?;
        let (wanted, given) = (prepared.params().len(), parameters.len());
        if wanted != given {
            return Err(Error::Parameter(format!("the statement has {wanted} parameters, and {given} were given")));
        }
        let kinds = prepared.params().iter().zip(1..);
        let encoded = parameters.into_iter().zip(kinds).map(|(value, (kind, number))| encode(value, kind, number));
        let encoded = encoded.collect::<Result<_, _>>()?;
        Ok((prepared, encoded))
    }

    async fn prepare(&self, statement: &str) -> Result<Statement, tokio_postgres::Error> {
        self.link().prepare(statement, self.loan.limits().statements_kept).await
    }

    /// Prepares `statement` anew if it failed for being prepared for tables that have changed since. In a transaction the first failure has
    /// ended it, and is the one to tell.
    async fn prepare_anew(&self, statement: &str, error: tokio_postgres::Error) -> Result<Statement, tokio_postgres::Error> {
        if self.link().is_stale(statement, &error) { self.prepare(statement).await.map_err(|_| error) } else { Err(error) }
    }

    async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<(Vec<Column>, RowStream), Error> {
        let (mut prepared, parameters) = self.ready(statement, parameters).await?;
        let client = &self.link().client;
        self.within(async {
            let rows = match client.query_raw(&prepared, &parameters).await {
                Ok(rows) => rows,
                Err(error) => {
                    prepared = self.prepare_anew(statement, error).await?;
                    client.query_raw(&prepared, &parameters).await?
                }
            };
            Ok((columns(&prepared), rows))
        })
        .await
    }

    async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        let (prepared, parameters) = self.ready(statement, parameters).await?;
        let client = &self.link().client;
        self.within(async {
            match client.execute_raw(&prepared, &parameters).await {
                Ok(changed) => Ok(changed),
                Err(error) => client.execute_raw(&self.prepare_anew(statement, error).await?, &parameters).await,
            }
        })
        .await
    }

    /// Says that the server has answered in full, or has refused.
    fn over<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.is_over = !matches!(result, Err(Error::TooSlow { .. }));
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let turn = self.turn.take();
        if self.is_over {
            return;
        }
        // The statement may still run. Whoever comes next waits for the end of it.
        let (server, link) = (Arc::clone(&self.loan.server), Arc::clone(&self.loan.link));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                let time_max: Duration = server.limits().reset_time_max;
                link.cancel(&server, time_max).await;
                drop(turn);
            })),
            Err(_) => link.give_up(),
        }
    }
}

#[async_trait]
impl Session for Held {
    async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        let running = self.begin().await?;
        match running.query(statement, parameters).await {
            Ok((columns, rows)) => Ok(Rows { rows: rows_of(running, columns.clone(), rows), columns }),
            Err(error) => running.over(Err(error)),
        }
    }

    async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        let running = self.begin().await?;
        let changed = running.execute(statement, parameters).await;
        running.over(changed)
    }

    async fn batch(&self, statements: &str) -> Result<(), Error> {
        let running = self.begin().await?;
        if statements.contains('\0') {
            return running.over(Err(Error::Parameter("the statements hold a zero byte; take it out".to_owned())));
        }
        let done = running.within(running.link().client.batch_execute(statements)).await;
        running.over(done)
    }

    fn is_usable(&self) -> bool {
        self.0.link.is_usable()
    }
}

fn columns(statement: &Statement) -> Vec<Column> {
    statement.columns().iter().map(|column| Column { name: column.name().to_owned(), kind: column.type_().clone() }).collect()
}

/// The rows of a statement as they come. The time that the guest takes over a row does not count.
fn rows_of(running: Running, columns: Vec<Column>, rows: RowStream) -> BoxStream<'static, Result<Row, Error>> {
    let reading = Reading { running, columns, rows: Box::pin(rows) };
    stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Some(Ok(row)) => Some((Ok(row), Some(reading))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    })
    .boxed()
}

struct Reading<S> {
    running: Running,
    columns: Vec<Column>,
    rows: std::pin::Pin<Box<S>>,
}

impl<S: Stream<Item = Result<tokio_postgres::Row, tokio_postgres::Error>>> Reading<S> {
    async fn next(&mut self) -> Option<Result<Row, Error>> {
        let (loan, bytes_max) = (&self.running.loan, self.running.loan.limits().result_bytes_max);
        let Ok(next) = tokio::time::timeout(loan.limits().statement_time_max, self.rows.next()).await else {
            return Some(Err(loan.too_slow()));
        };
        let row = match next {
            Some(Ok(row)) if row.raw_size_bytes() > bytes_max => return Some(Err(Error::ResultTooLarge { bytes_max })),
            Some(Ok(row)) => row,
            Some(Err(error)) => {
                self.running.is_over = true;
                return Some(Err(failed(&loan.link, &error)));
            }
            None => {
                self.running.is_over = true;
                return None;
            }
        };
        let value = |(index, column): (usize, &Column)| {
            let raw = row.try_get::<_, Raw<'_>>(index).map_err(|_| Error::Conversion(format!("column `{}` is not there", column.name)))?;
            decode(&column.kind, raw)
        };
        Some(self.columns.iter().enumerate().map(value).collect())
    }
}
