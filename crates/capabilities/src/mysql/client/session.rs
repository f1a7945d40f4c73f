//! A connection while one instance has it. Statements run one after the other. One that nobody waits for any more is ended with its
//! connection, by a word over another one; else the session goes back to the pool with its last user, once the server has made it clean.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _};
use mysql_async::prelude::{Protocol, Queryable as _};
use mysql_async::{Conn, Params, QueryResult, Statement};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use tokio::time::timeout;

use super::column;
use super::server::Server;
use crate::backend::{Place, Pooled};
use crate::egress::Slot;
use crate::mysql::{Column, Error, Limits, Row, Rows, Session, Value};

/// Rows that are read ahead of the guest.
const ROWS_AHEAD: usize = 4;

/// The server's word for a statement that cannot be prepared, as the ones that begin a transaction.
const CANNOT_BE_PREPARED: u16 = 1_295;

/// A connection, and the right to have it.
pub(super) struct Link {
    pub(super) connection: Conn,
    pub(super) _slot: Slot,
}

impl Pooled for Link {
    fn is_usable(&self) -> bool {
        !self.connection.is_disconnected()
    }
}

/// A session, which its users share.
pub(super) struct Held {
    server: Arc<Server>,
    loan: Arc<Mutex<Loan>>,
}

/// A connection on loan from the pool; none when it was lost.
struct Loan {
    server: Arc<Server>,
    lent: Option<(Link, Place<Link>)>,
}

/// A statement that runs. Nothing else is sent until it is over, one way or the other.
struct Running {
    loan: OwnedMutexGuard<Loan>,
    is_over: bool,
}

impl Held {
    pub(super) fn new(server: Arc<Server>, link: Link, place: Place<Link>) -> Self {
        let loan = Loan { server: Arc::clone(&server), lent: Some((link, place)) };
        Self { server, loan: Arc::new(Mutex::new(loan)) }
    }

    fn limits(&self) -> &Limits {
        self.server.limits()
    }

    async fn begin(&self) -> Result<Running, Error> {
        let loan = timeout(self.limits().wait_max, Arc::clone(&self.loan).lock_owned()).await.map_err(|_| Error::Busy)?;
        if loan.lent.is_some() { Ok(Running { loan, is_over: false }) } else { Err(Error::Lost) }
    }

    fn too_slow(&self) -> Error {
        Error::TooSlow { ms_max: self.limits().statement_time_max.as_millis() }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some((mut link, place)) = self.lent.take() else { return };
        // Without a runtime the connection is closed, which undoes as much.
        let Ok(runtime) = Handle::try_current() else { return };
        let time_max = self.server.limits().reset_time_max;
        runtime.spawn(async move {
            // The server undoes what was not committed, and forgets variables, temporary tables, locks and prepared statements.
            if matches!(timeout(time_max, link.connection.reset()).await, Ok(Ok(true))) {
                place.keep(link);
            }
        });
    }
}

impl Running {
    fn connection(&mut self) -> Result<&mut Conn, Error> {
        self.loan.lent.as_mut().map(|(link, _)| &mut link.connection).ok_or(Error::Lost)
    }

    /// What went wrong; where the connection is at fault it is not used again.
    fn failed(&mut self, error: &mysql_async::Error) -> Error {
        if let mysql_async::Error::Server(cause) = error {
            return Error::Refused(format!("{} ({}): {}", cause.code, cause.state, cause.message));
        }
        self.loan.lent = None;
        tracing::warn!("a connection to MySQL broke: {}", coracle_base::chain(error));
        Error::Lost
    }

    /// Says that the server has answered in full, or has refused.
    fn over<T>(mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.is_over = true;
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Some((link, place)) = self.loan.lent.take() else { return };
        // The statement may still run, and hold locks. Its connection is no use any more.
        let Ok(runtime) = Handle::try_current() else { return };
        let server = Arc::clone(&self.loan.server);
        runtime.spawn(async move {
            let kill = async {
                let mut other = server.dial().await?;
                let killed = other.connection.query_drop(format!("KILL CONNECTION {}", link.connection.id())).await;
                killed.map_err(|error| Error::Connection(error.to_string()))
            };
            if !matches!(timeout(server.limits().reset_time_max, kill).await, Ok(Ok(()))) {
                tracing::debug!("a statement of MySQL could not be stopped; it ends with its connection");
            }
            drop((link, place));
        });
    }
}

#[async_trait]
impl Session for Held {
    async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        let running = self.begin().await?;
        let (head, columns) = oneshot::channel();
        let (sender, receiver) = mpsc::channel(ROWS_AHEAD);
        // The library lends the rows from the connection, so that somebody has to hold both until the guest has read them.
        let reading = tokio::spawn(read(running, statement.to_owned(), parameters, head, sender));
        let reading = Reading(reading);
        match timeout(self.limits().statement_time_max, columns).await {
            Ok(Ok(Ok(columns))) => Ok(Rows { columns, rows: rows_of(receiver, reading, self.too_slow(), self.limits()) }),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(Error::Lost),
            Err(_) => Err(self.too_slow()),
        }
    }

    async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<(), Error> {
        let mut running = self.begin().await?;
        let parameters: Vec<_> = parameters.into_iter().map(column::parameter).collect();
        let run = async {
            let connection = running.connection().map_err(Failure::Told)?;
            match prepare(connection, statement, parameters.len()).await? {
                Some(prepared) => connection.exec_drop(prepared, positional(parameters)).await?,
                None => connection.query_drop(statement).await?,
            }
            Ok(())
        };
        let ended: Result<Result<(), Failure>, _> = timeout(self.limits().statement_time_max, run).await;
        let result = match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Server(error))) => Err(running.failed(&error)),
            Ok(Err(Failure::Told(error))) => Err(error),
            Ok(Err(Failure::Unread)) => Err(Error::Lost),
            // It may still run, and is stopped.
            Err(_) => return Err(self.too_slow()),
        };
        running.over(result)
    }
}

/// `statement`, prepared for `given` parameters; `None` for one that cannot be prepared, and has none.
async fn prepare(connection: &mut Conn, statement: &str, given: usize) -> Result<Option<Statement>, Failure> {
    match connection.prep(statement).await {
        Ok(prepared) if usize::from(prepared.num_params()) == given => Ok(Some(prepared)),
        Ok(prepared) => {
            let wanted = prepared.num_params();
            Err(Failure::Told(Error::Parameter(format!("the statement has {wanted} parameters, and {given} were given"))))
        }
        Err(mysql_async::Error::Server(cause)) if given == 0 && cause.code == CANNOT_BE_PREPARED => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn positional(parameters: Vec<mysql_async::Value>) -> Params {
    if parameters.is_empty() { Params::Empty } else { Params::Positional(parameters) }
}

/// A task that reads rows. It ends with whoever reads what it has read.
struct Reading(tokio::task::JoinHandle<()>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Head = oneshot::Sender<Result<Vec<Column>, Error>>;
type Sender = mpsc::Sender<Result<Row, Error>>;

/// Runs `statement`, sends its columns to `head` and its rows to `rows`.
async fn read(mut running: Running, statement: String, parameters: Vec<Value>, head: Head, rows: Sender) {
    let parameters: Vec<_> = parameters.into_iter().map(column::parameter).collect();
    let mut head = Some(head);
    let result = async {
        let connection = running.connection().map_err(Failure::Told)?;
        match prepare(connection, &statement, parameters.len()).await? {
            Some(prepared) => pass(connection.exec_iter(prepared, positional(parameters)).await?, &mut head, &rows).await,
            None => pass(connection.query_iter(&*statement).await?, &mut head, &rows).await,
        }
    };
    let ended = result.await;
    let error = match ended {
        Ok(()) => {
            running.is_over = true;
            return;
        }
        // Nobody reads any more. What runs is stopped.
        Err(Failure::Unread) => return,
        Err(Failure::Told(error)) => {
            // Where rows were passed on, there are more to come.
            running.is_over = head.is_some();
            error
        }
        Err(Failure::Server(error)) => {
            running.is_over = true;
            running.failed(&error)
        }
    };
    // The session is free before anybody learns of the error.
    drop(running);
    match head.take() {
        Some(head) => drop(head.send(Err(error))),
        None => drop(rows.send(Err(error)).await),
    }
}

/// Why rows are not passed on.
enum Failure {
    Server(mysql_async::Error),
    Told(Error),
    Unread,
}

impl From<mysql_async::Error> for Failure {
    fn from(error: mysql_async::Error) -> Self {
        Self::Server(error)
    }
}

/// Passes on what `result` holds: one set of rows. A procedure has more, which are read and dropped.
async fn pass<P: Protocol>(mut result: QueryResult<'_, '_, P>, head: &mut Option<Head>, rows: &Sender) -> Result<(), Failure> {
    let columns: Vec<_> = result.columns_ref().iter().map(column::column).collect();
    if let Some(head) = head.take() {
        head.send(Ok(columns.clone())).map_err(|_| Failure::Unread)?;
    }
    while let Some(row) = result.next().await? {
        let values = row.unwrap().into_iter().zip(&columns);
        let values: Result<Row, Error> = values.map(|(sent, column)| column::value(column, sent)).collect();
        rows.send(Ok(values.map_err(Failure::Told)?)).await.map_err(|_| Failure::Unread)?;
    }
    result.drop_result().await.map_err(Failure::Server)
}

/// The rows as they come. The time that the guest takes over a row does not count.
fn rows_of(
    receiver: mpsc::Receiver<Result<Row, Error>>,
    reading: Reading,
    too_slow: Error,
    limits: &Limits,
) -> stream::BoxStream<'static, Result<Row, Error>> {
    let (time_max, bytes_max) = (limits.statement_time_max, limits.result_bytes_max);
    stream::unfold(Some((receiver, reading)), move |reader| {
        let too_slow = too_slow.clone();
        async move {
            let (mut receiver, reading) = reader?;
            let row = match timeout(time_max, receiver.recv()).await {
                Ok(row) => row?,
                Err(_) => Err(too_slow),
            };
            match row {
                Ok(row) if row.iter().map(Value::bytes).fold(0, usize::saturating_add) > bytes_max => {
                    Some((Err(Error::ResultTooLarge { bytes_max }), None))
                }
                Ok(row) => Some((Ok(row), Some((receiver, reading)))),
                Err(error) => Some((Err(error), None)),
            }
        }
    })
    .boxed()
}
