//! Which databases a component was granted, and what one instance has open of them.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity};
use tokio::sync::Semaphore;
use tracing::instrument;

use super::config::Bindings;
use super::{Connection, Database, Error, GRANT, Limits, Rows, Table, Value};
use crate::operations::Operations;

/// The operations, as spans and metrics name them.
const OPERATIONS: &[&str] = &["open", "execute", "query"];

/// The SQLite state of one instance. By default it has nothing.
#[derive(Default)]
pub struct State {
    labels: Labels,
    operations: Arc<Operations>,
    open: u32,
    numbered: Vec<Option<Handle>>,
    streams: Option<Arc<Semaphore>>,
}

/// A label that a component was granted.
pub(super) struct Granted {
    pub(super) label: String,
    pub(super) place: String,
    pub(super) database: Arc<dyn Database>,
    pub(super) limits: Limits,
}

/// A connection as an instance sees it. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Handle {
    granted: Arc<Granted>,
    operations: Arc<Operations>,
    connection: Arc<dyn Connection>,
    streams: Arc<Semaphore>,
}

/// A place for a connection that is being opened.
pub(super) struct Opening {
    granted: Arc<Granted>,
    operations: Arc<Operations>,
    streams: Arc<Semaphore>,
}

type Labels = Arc<BTreeMap<String, Arc<Granted>>>;

struct Databases {
    labels: Labels,
    operations: Arc<Operations>,
}

impl State {
    /// Takes a place for a connection to the database behind `label`. Give it back with [`State::close`].
    pub(super) fn begin_open(&mut self, label: &str) -> Result<Opening, Error> {
        let granted = self.labels.get(label).ok_or(Error::AccessDenied)?;
        let Limits { connections_max, streams_max, .. } = granted.limits;
        if self.open >= connections_max {
            return Err(Error::TooManyConnections { connections_max });
        }
        self.open += 1;
        let streams = self.streams.get_or_insert_with(|| Arc::new(Semaphore::new(streams_max)));
        Ok(Opening { granted: Arc::clone(granted), operations: Arc::clone(&self.operations), streams: Arc::clone(streams) })
    }

    /// Gives the place of one connection back.
    pub(super) fn close(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Keeps `handle` for guests that hold connections as numbers.
    pub(super) fn keep_numbered(&mut self, handle: Handle) -> u32 {
        let index = self.numbered.iter().position(Option::is_none).unwrap_or(self.numbered.len());
        match self.numbered.get_mut(index) {
            Some(place) => *place = Some(handle),
            None => self.numbered.push(Some(handle)),
        }
        // There are never more than `connections_max`.
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The connection with this number.
    pub(super) fn numbered(&self, number: u32) -> Result<Handle, Error> {
        let handle = usize::try_from(number).ok().and_then(|index| self.numbered.get(index));
        handle.cloned().flatten().ok_or(Error::InvalidConnection)
    }

    /// Closes the connection with this number.
    pub(super) fn close_numbered(&mut self, number: u32) {
        let place = usize::try_from(number).ok().and_then(|index| self.numbered.get_mut(index));
        if place.and_then(Option::take).is_some() {
            self.close();
        }
    }
}

impl Opening {
    /// Opens the connection.
    #[instrument(name = "spin_sqlite.open", skip_all, fields(otel.kind = "client", db.system.name = "sqlite", db.namespace = self.granted.label))]
    pub(super) async fn finish(self) -> Result<Handle, Error> {
        let opened = self.operations.measure("open", self.granted.database.connect()).await;
        let connection = self.granted.told(opened)?;
        Ok(Handle { granted: self.granted, operations: self.operations, connection, streams: self.streams })
    }
}

impl Handle {
    #[instrument(name = "spin_sqlite.execute", skip_all, fields(otel.kind = "client", db.system.name = "sqlite", db.namespace = self.granted.label))]
    pub(super) async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Table, Error> {
        self.granted.told(self.operations.measure("execute", self.connection.execute(statement, parameters)).await)
    }

    #[instrument(name = "spin_sqlite.query", skip_all, fields(otel.kind = "client", db.system.name = "sqlite", db.namespace = self.granted.label))]
    pub(super) async fn query(&self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        let streams_max = self.granted.limits.streams_max;
        let permit = Arc::clone(&self.streams).try_acquire_owned().map_err(|_| Error::TooManyStreams { streams_max })?;
        let mut rows = self.granted.told(self.operations.measure("query", self.connection.query(statement, parameters)).await)?;
        rows.running = Box::new((rows.running, permit));
        Ok(rows)
    }

    pub(super) fn last_insert_rowid(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    pub(super) fn changes(&self) -> u64 {
        self.connection.changes()
    }
}

impl Granted {
    /// Tells the operator of a failure that the guest gets only the kind of.
    fn told<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error @ (Error::Backend { .. } | Error::Full)) = &result {
            let cause = if let Error::Backend { internal, .. } = error { internal } else { "" };
            tracing::warn!(label = self.label, place = self.place, cause, "SQLite database failed: {error}");
        }
        result
    }
}

impl Grant for Databases {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { labels: Arc::clone(&self.labels), operations: Arc::clone(&self.operations), ..State::default() })
    }

    fn describe(&self) -> Vec<String> {
        self.labels.values().map(|granted| format!("{} → {}", granted.label, granted.place)).collect()
    }
}

/// Looks up what a component's manifest asks for.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let asked = request.strings(GRANT)?;
    if asked.is_empty() {
        return Ok(None);
    }
    let bindings = request.site.shared::<Bindings>().unwrap_or_default();
    let granted = asked.into_iter().map(|label| match bindings.get(&label) {
        Some(granted) => Ok((label, granted)),
        None => Err(GrantError::Refused {
            component: request.component.to_owned(),
            message: format!("the SQLite database `{label}` has no backend"),
            remedy: format!("add `[sqlite_database.{label}]` to the runtime configuration"),
        }),
    });
    let labels: BTreeMap<_, _> = granted.collect::<Result<_, _>>()?;
    let operations = Arc::new(Operations::new(GRANT, OPERATIONS, request.component));
    Ok(Some(Box::new(Databases { labels: Arc::new(labels), operations })))
}
