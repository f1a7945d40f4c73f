//! A connection as one instance sees it: the same for every interface, with the bounds checked and failures told to the operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use futures::TryStreamExt as _;
use tracing::instrument;

use super::{Database, Error, Limits, Rows, Session, Table, Value};
use crate::operations::Operations;

/// The operations, as spans and metrics name them.
pub(super) const OPERATIONS: &[&str] = &["open", "query", "execute", "batch"];

/// An open connection. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Handle {
    session: Arc<dyn Session>,
    bounds: Bounds,
}

/// A connection that is being opened.
pub(super) struct Opening {
    database: Arc<dyn Database>,
    bounds: Bounds,
}

/// The session of an instance whose interface knows no connections.
#[derive(Default)]
pub(super) struct Own(tokio::sync::Mutex<Option<Handle>>);

/// What an instance may do, and what of it this invocation has done.
#[derive(Clone, Default)]
pub(super) struct Bounds {
    pub(super) limits: Arc<Limits>,
    operations: Arc<AtomicU32>,
    measured: Arc<Operations>,
}

impl Bounds {
    pub(super) fn new(limits: Arc<Limits>, measured: Arc<Operations>) -> Self {
        Self { limits, operations: Arc::default(), measured }
    }

    /// Counts the operations of another invocation.
    pub(super) fn renew(&self) {
        self.operations.store(0, Relaxed);
    }

    /// Counts one operation.
    pub(super) fn count(&self) -> Result<(), Error> {
        let operations_max = self.limits.operations_max;
        let one_more = |operations: u32| operations.checked_add(1).filter(|operations| *operations <= operations_max);
        let counted = self.operations.try_update(Relaxed, Relaxed, one_more);
        counted.map(drop).map_err(|_| Error::TooManyOperations { operations_max })
    }

    fn enter(&self, statement: &str, parameters: &[Value]) -> Result<(), Error> {
        self.count()?;
        let bytes_max = self.limits.statement_bytes_max;
        let bytes = parameters.iter().map(Value::bytes).fold(statement.len(), usize::saturating_add);
        if bytes > bytes_max { Err(Error::StatementTooLarge { bytes_max }) } else { Ok(()) }
    }
}

impl Opening {
    pub(super) fn new(database: Arc<dyn Database>, bounds: Bounds) -> Self {
        Self { database, bounds }
    }

    /// Opens the connection.
    #[instrument(name = "spin_outbound_pg.open", skip_all, fields(otel.kind = "client", db.system.name = "postgresql"))]
    pub(super) async fn finish(self) -> Result<Handle, Error> {
        let session = self.bounds.measured.measure("open", self.database.connect()).await?;
        Ok(Handle { session, bounds: self.bounds })
    }
}

impl Own {
    /// The session, by `opening` when it is first needed, or when the one before was lost.
    pub(super) async fn session(&self, opening: Opening) -> Result<Handle, Error> {
        let own = tokio::time::timeout(opening.bounds.limits.wait_max, self.0.lock()).await;
        let mut own = own.map_err(|_| Error::Busy)?;
        if let Some(handle) = own.as_ref().filter(|handle| handle.is_usable()) {
            return Ok(handle.clone());
        }
        Ok(own.insert(opening.finish().await?).clone())
    }
}

impl Handle {
    /// Whether the session still leads somewhere.
    pub(super) fn is_usable(&self) -> bool {
        self.session.is_usable()
    }

    /// All rows of one statement.
    #[instrument(name = "spin_outbound_pg.query", skip_all, fields(otel.kind = "client", db.system.name = "postgresql"))]
    pub(super) async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Table, Error> {
        self.bounds.enter(statement, &parameters)?;
        self.bounds.measured.measure("query", self.table(statement, parameters)).await
    }

    async fn table(&self, statement: &str, parameters: Vec<Value>) -> Result<Table, Error> {
        let Rows { columns, mut rows } = self.session.query(statement, parameters).await?;
        let bytes_max = self.bounds.limits.result_bytes_max;
        let (mut table, mut bytes) = (Table { columns, rows: Vec::new() }, 0_usize);
        while let Some(row) = rows.try_next().await? {
            bytes = row.iter().map(Value::bytes).fold(bytes, usize::saturating_add);
            if bytes > bytes_max {
                return Err(Error::ResultTooLarge { bytes_max });
            }
            table.rows.push(row);
        }
        Ok(table)
    }

    /// The rows of one statement as they come.
    #[instrument(name = "spin_outbound_pg.query", skip_all, fields(otel.kind = "client", db.system.name = "postgresql"))]
    pub(super) async fn stream(&self, statement: &str, parameters: Vec<Value>) -> Result<Rows, Error> {
        self.bounds.enter(statement, &parameters)?;
        self.bounds.measured.measure("query", self.session.query(statement, parameters)).await
    }

    /// How many rows one statement changed.
    #[instrument(name = "spin_outbound_pg.execute", skip_all, fields(otel.kind = "client", db.system.name = "postgresql"))]
    pub(super) async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error> {
        self.bounds.enter(statement, &parameters)?;
        self.bounds.measured.measure("execute", self.session.execute(statement, parameters)).await
    }

    /// Any number of statements.
    #[instrument(name = "spin_outbound_pg.batch", skip_all, fields(otel.kind = "client", db.system.name = "postgresql"))]
    pub(super) async fn batch(&self, statements: &str) -> Result<(), Error> {
        self.bounds.enter(statements, &[])?;
        self.bounds.measured.measure("batch", self.session.batch(statements)).await
    }
}
