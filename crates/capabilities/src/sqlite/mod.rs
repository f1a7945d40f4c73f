//! SQLite databases. A guest opens a connection by the label that it was granted and sends it SQL; a file, a folder or a setting of
//! the host is out of its reach.

pub mod embedded;

mod config;
mod grant;
mod host;
mod libsql;
mod limits;

#[cfg(test)]
mod conformance;

pub use config::{Preset, preset};
pub use grant::State;
pub use limits::Limits;

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface,
};
use tokio::sync::mpsc;
use wasmtime::component::Linker;

/// The key of this capability in a component's grants.
const GRANT: &str = "sqlite";

/// SQLite databases.
pub struct Sqlite;

/// One database behind a label.
#[async_trait]
pub trait Database: Send + Sync {
    /// A new connection, which shares nothing with others but what is committed.
    async fn connect(&self) -> Result<Arc<dyn Connection>, Error>;
}

/// A connection of one instance. What it has not committed is undone when it is dropped, and what it runs is stopped.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Runs one statement and answers with all of its rows.
    async fn execute(&self, statement: String, parameters: Vec<Value>) -> Result<Table, Error>;

    /// Runs one statement and answers with its rows as they are read.
    async fn query(&self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error>;

    /// Runs any number of statements and drops their rows.
    async fn script(&self, statements: String) -> Result<(), Error>;

    /// The row id of the last row that this connection inserted, or 0.
    fn last_insert_rowid(&self) -> i64;

    /// Rows that the last INSERT, UPDATE or DELETE of this connection changed.
    fn changes(&self) -> u64;
}

/// A value of a column or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

/// The values of one row.
pub type Row = Vec<Value>;

/// A whole result.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A result that is still being read. Dropping it stops the statement.
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows; after an error there is no more.
    pub rows: mpsc::Receiver<Result<Row, Error>>,
    /// What stops the statement when it is dropped.
    pub running: Box<dyn Any + Send>,
}

/// Why a database refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The component was not granted the label.
    #[error("access denied")]
    AccessDenied,
    /// There is no open connection with this number.
    #[error("the connection is not open")]
    InvalidConnection,
    /// The instance has as many connections open as it may.
    #[error("more than {connections_max} connections are open; close some")]
    TooManyConnections {
        /// The bound.
        connections_max: u32,
    },
    /// The instance reads as many results at once as it may.
    #[error("more than {streams_max} results are being read at once; read one to its end, or drop it")]
    TooManyStreams {
        /// The bound.
        streams_max: usize,
    },
    /// The database has no room.
    #[error("the database is full")]
    Full,
    /// A result is too large.
    #[error("query result exceeds limit of {bytes_max} bytes; ask for fewer rows at a time")]
    ResultTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// A statement took too long.
    #[error("the statement was stopped after {ms_max} ms; ask for less, or add an index")]
    TooSlow {
        /// The bound.
        ms_max: u128,
    },
    /// Another connection, or a result that this one still reads, is in the way.
    #[error("the database is busy; finish open transactions and results, and try again")]
    Busy,
    /// More than one statement.
    #[error("one statement at a time; send each in a call of its own")]
    ManyStatements,
    /// Something that no guest may do.
    #[error("not authorized: {what}")]
    Denied {
        /// What it is.
        what: String,
    },
    /// Text that is not UTF-8.
    #[error("column `{column}` holds text that is not UTF-8; select CAST({column} AS BLOB) to read its bytes")]
    NotUtf8 {
        /// The column.
        column: String,
    },
    /// The statement is wrong, or a constraint forbids it.
    #[error("{0}")]
    Statement(String),
    /// The backend failed.
    #[error("{public}")]
    Backend {
        /// What a guest may see.
        public: &'static str,
        /// What an operator may see.
        internal: String,
    },
}

impl Capability for Sqlite {
    fn name(&self) -> &'static str {
        GRANT
    }

    fn interfaces(&self) -> &'static [Interface] {
        const fn interface(name: &'static str, versions: &'static [&'static str]) -> Interface {
            Interface { name, versions, granted_by: Some(GRANT) }
        }
        const {
            &[
                interface("fermyon:spin/sqlite", &[]),
                interface("fermyon:spin/sqlite", &["2.0.0"]),
                interface("spin:sqlite/sqlite", &["3.1.0"]),
            ]
        }
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        config::bind(bind)
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        grant::grant(request)
    }

    fn tables(&self) -> &'static [ConfigTable] {
        config::TABLES
    }

    fn bounds(&self) -> Vec<Bound> {
        Limits::default().bounds()
    }

    fn about(&self) -> About {
        About {
            summary: "SQLite databases, opened by label.",
            example: "[component.guestbook]\nsqlite_databases = [\"default\"]",
            denied: "`open` answers `access-denied`",
            backends: &["spin", "sqlite", "memory", "libsql"],
        }
    }
}
