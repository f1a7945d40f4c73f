//! The one writer of an SQLite file: a thread that puts all writes that wait into one transaction, so that many invocations share
//! the price of a durable commit. A write is acknowledged after the commit, never before.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::Error;
use super::sqlite::failure;
use crate::sqlite_file::OpenError;

/// Writes that wait for the thread; who comes then waits for a place.
const WAITING_MAX: usize = 256;

/// Writes in one transaction. More would make the first one wait for the last.
const TOGETHER_MAX: usize = 64;

/// Where writes are handed in. The thread ends when the last of these is dropped.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

/// A write that knows whom to tell.
trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    /// Does the write, without telling anybody.
    fn run(&mut self, connection: &Connection) -> Result<(), Error>;
    /// Tells who waits: the result of the write, or why it could not be committed.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

struct Write<W, T> {
    work: Option<W>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl Writer {
    /// Starts the thread that writes through `connection`.
    pub(super) fn start(connection: Connection, path: &Path) -> Result<Self, OpenError> {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        std::thread::Builder::new()
            .name("key-value-writer".to_owned())
            .spawn(move || run(connection, waiting))
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        Ok(Self { jobs })
    }

    /// Runs `work` within a transaction; an error of it undoes what it did and nothing else. Answers when it is committed.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Write { work: Some(work), result: None, reply };
        self.jobs.send(Box::new(job)).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl<T, W> Job for Write<W, T>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, Error> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Error> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = work(connection);
        let done = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.result = Some(result);
        done
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let Self { result, reply, .. } = *self;
        // Who left meanwhile does not want to know.
        let _ = reply.send(committed.and_then(|()| result.unwrap_or_else(|| Err(stopped()))));
    }
}

fn run(mut connection: Connection, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    let mut jobs = Vec::with_capacity(TOGETHER_MAX);
    while waiting.blocking_recv_many(&mut jobs, TOGETHER_MAX) > 0 {
        jobs.retain(|job| !job.is_abandoned());
        let committed = commit(&mut connection, &mut jobs);
        jobs.drain(..).for_each(|job| job.finish(committed.clone()));
    }
}

/// Runs `jobs` in one transaction. A job that fails is undone alone; an error here means that all were.
fn commit(connection: &mut Connection, jobs: &mut [Box<dyn Job>]) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    for job in jobs {
        transaction.execute_batch("SAVEPOINT write").map_err(failure)?;
        let undo = match job.run(&transaction) {
            Ok(()) => "RELEASE write",
            // A full disk or a broken one ends the whole transaction, with the writes that came before.
            Err(error) if transaction.is_autocommit() => return Err(error),
            Err(_) => "ROLLBACK TO write; RELEASE write",
        };
        transaction.execute_batch(undo).map_err(failure)?;
    }
    transaction.commit().map_err(failure)
}

fn stopped() -> Error {
    Error::Backend { public: "the storage has stopped", internal: "the writer's thread has ended".to_owned() }
}
