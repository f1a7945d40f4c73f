//! SQLite in this process: a file, or memory that all connections of a label share. Statements run on threads that may block.

mod config;
mod rules;
mod statement;
mod watch;

pub(super) use config::{KIND, MEMORY};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::OpenFlags;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use self::rules::Rules;
use self::watch::{Running, Watch};
use super::{Connection, Database, Error, Limits, Row, Rows, Table, Value};
use crate::sqlite_file::{self, OpenError};

/// Rows that a stream reads ahead of its guest.
const ROWS_AHEAD: usize = 4;

/// A database.
#[derive(Debug, Clone)]
pub struct Embedded(Arc<Place>);

#[derive(Debug)]
struct Place {
    location: Location,
    attach_files: bool,
    limits: Limits,
    running: Arc<Semaphore>,
    /// Keeps memory alive, and spares every other connection the clean-up of being the last one.
    _anchor: Mutex<rusqlite::Connection>,
}

#[derive(Debug)]
enum Location {
    File(PathBuf),
    /// The name under which all connections find the same memory.
    Memory(String),
}

/// A connection of one instance.
struct Link {
    connection: Arc<AsyncMutex<rusqlite::Connection>>,
    desk: Arc<Desk>,
}

/// What the threads of a connection share with it.
struct Desk {
    place: Arc<Place>,
    watch: Arc<Watch>,
    rules: Rules,
    last_insert_rowid: AtomicI64,
    changes: AtomicU64,
}

/// The right to run a statement, and the connection to run it on.
struct Turn {
    connection: OwnedMutexGuard<rusqlite::Connection>,
    desk: Arc<Desk>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Embedded {
    /// The database in the file at `path`, which is made if it is absent.
    pub(super) fn file(path: &Path, attach_files: bool, limits: Limits) -> Result<Self, OpenError> {
        Self::at(Location::File(path.to_owned()), attach_files, limits)
    }

    /// A new database in memory.
    pub(super) fn memory(attach_files: bool, limits: Limits) -> Result<Self, OpenError> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Relaxed);
        Self::at(Location::Memory(format!("file:/coracle-{number}?vfs=memdb")), attach_files, limits)
    }

    fn at(location: Location, attach_files: bool, limits: Limits) -> Result<Self, OpenError> {
        let anchor = location.open()?;
        let running = Arc::new(Semaphore::new(limits.running_max));
        Ok(Self(Arc::new(Place { location, attach_files, limits, running, _anchor: Mutex::new(anchor) })))
    }
}

impl Location {
    fn open(&self) -> Result<rusqlite::Connection, OpenError> {
        let name = match self {
            Self::File(path) => return sqlite_file::open(path),
            Self::Memory(name) => name,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        rusqlite::Connection::open_with_flags(name, flags).map_err(|source| OpenError::Database { path: name.into(), source })
    }
}

impl Place {
    /// Opens a connection and holds it to the rules. Blocks.
    fn connect(self: &Arc<Self>) -> Result<Link, Error> {
        let unopened = |internal| Error::Backend { public: "the database cannot be opened", internal };
        let mut connection = self.location.open().map_err(|error| unopened(coracle_base::chain(&error).to_string()))?;
        let watch = Arc::new(Watch::default());
        let rules = self.settle(&mut connection, &watch).map_err(|error| unopened(error.to_string()))?;
        let desk = Desk { place: Arc::clone(self), watch, rules, last_insert_rowid: AtomicI64::new(0), changes: AtomicU64::new(0) };
        Ok(Link { connection: Arc::new(AsyncMutex::new(connection)), desk: Arc::new(desk) })
    }

    /// What each database that a guest attaches may grow to.
    fn attached_bytes_max(&self) -> u64 {
        if self.attach_files { self.limits.file_bytes_max } else { self.limits.scratch_bytes_max }
    }

    fn settle(&self, connection: &mut rusqlite::Connection, watch: &Arc<Watch>) -> rusqlite::Result<Rules> {
        let bytes_max = match self.location {
            Location::File(_) => self.limits.file_bytes_max,
            Location::Memory(_) => self.limits.memory_bytes_max,
        };
        sqlite_file::bound(connection, "main", bytes_max)?;
        sqlite_file::bound(connection, "temp", self.limits.scratch_bytes_max)?;
        watch.attach(connection, self.limits.wait_max)?;
        rules::apply(connection, &self.limits, self.attach_files)
    }
}

#[async_trait]
impl Database for Embedded {
    async fn connect(&self) -> Result<Arc<dyn Connection>, Error> {
        let place = Arc::clone(&self.0);
        let permit = admit(&place).await?;
        let link = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            place.connect()
        });
        Ok(Arc::new(link.await.map_err(|error| lost(&error))??))
    }
}

#[async_trait]
impl Connection for Link {
    async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Table, Error> {
        let (turn, _running) = self.turn().await?;
        let task = tokio::task::spawn_blocking(move || turn.run(|turn| statement::table(turn, &statement, parameters)));
        task.await.map_err(|error| lost(&error))?
    }

    async fn query(&self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        let (turn, running) = self.turn().await?;
        let (columns, head) = oneshot::channel();
        let (sender, rows) = mpsc::channel(ROWS_AHEAD);
        tokio::task::spawn_blocking(move || {
            let mut columns = Some(columns);
            let result = turn.run(|turn| statement::stream(turn, &statement, parameters, &mut columns, &sender));
            let Err(error) = result else { return };
            // Before the columns the error is the answer, and after them it is the last row. Who is gone does not want it.
            match columns.take() {
                Some(columns) => drop(columns.send(Err(error))),
                None => drop(sender.blocking_send(Err(error))),
            }
        });
        let columns = head.await.map_err(|error| lost(&error))??;
        Ok(Rows { columns, rows, running: Box::new(running) })
    }

    async fn script(&self, statements: String) -> Result<(), Error> {
        let (turn, _running) = self.turn().await?;
        let task = tokio::task::spawn_blocking(move || {
            turn.run(|turn| turn.connection.execute_batch(&statements).map_err(|error| statement::failure(turn, error)))
        });
        task.await.map_err(|error| lost(&error))?
    }

    fn last_insert_rowid(&self) -> i64 {
        self.desk.last_insert_rowid.load(Relaxed)
    }

    fn changes(&self) -> u64 {
        self.desk.changes.load(Relaxed)
    }
}

impl Link {
    /// Waits until the statement before has ended and a thread may be taken.
    async fn turn(&self) -> Result<(Turn, Running), Error> {
        let permit = admit(&self.desk.place).await?;
        let wait_max = self.desk.place.limits.wait_max;
        let connection = timeout(wait_max, Arc::clone(&self.connection).lock_owned()).await.map_err(|_| Error::Busy)?;
        let running = self.desk.watch.register();
        let turn = Turn { connection, desk: Arc::clone(&self.desk), number: running.number(), _permit: permit };
        Ok((turn, running))
    }
}

impl Turn {
    /// Runs `work` under the watch, and notes what it changed.
    fn run<T>(self, work: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        self.desk.watch.begin(self.number, self.limits().statement_time_max);
        if self.desk.watch.is_stopped() {
            return Err(Error::Busy);
        }
        let result = work(&self).and_then(|done| {
            let bounded = self.desk.rules.bound_attached(&self.connection, self.desk.place.attached_bytes_max());
            bounded.map(|()| done).map_err(|error| statement::failure(&self, error))
        });
        self.desk.last_insert_rowid.store(self.connection.last_insert_rowid(), Relaxed);
        self.desk.changes.store(self.connection.changes(), Relaxed);
        result
    }

    fn limits(&self) -> &Limits {
        &self.desk.place.limits
    }

    fn send(&self, rows: &mpsc::Sender<Result<Row, Error>>, row: Row) -> bool {
        // Only a guest that is slow costs a look at the clock.
        match rows.try_send(Ok(row)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(row)) => {
                let since_ns = coracle_base::clock::monotonic_ns();
                let sent = rows.blocking_send(row).is_ok();
                self.desk.watch.forgive(since_ns);
                sent
            }
        }
    }
}

async fn admit(place: &Place) -> Result<OwnedSemaphorePermit, Error> {
    let permit = timeout(place.limits.wait_max, Arc::clone(&place.running).acquire_owned()).await;
    permit.map_err(|_| Error::Busy)?.map_err(|error| lost(&error))
}

fn lost(error: &dyn std::fmt::Display) -> Error {
    Error::Backend { public: "the database failed", internal: error.to_string() }
}
