//! PostgreSQL. A guest of Spin connects to an address that its manifest allows; a guest of wasmCloud uses the database that the operator
//! bound to its label. Connections are pooled over requests and come back clean: what a guest began and did not commit is undone.

mod client;
mod config;
mod grant;
mod handle;
mod host;
mod limits;
mod value;

#[cfg(test)]
mod conformance;

pub use grant::State;
pub use limits::Limits;
pub use value::{Bound, Date, DateTime, Interval, Range, Time, Value};

use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::{
    About, Bind, BindError, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface,
};
use futures::stream::BoxStream;
use tokio_postgres::types::Type;
use wasmtime::component::Linker;

/// The key of this capability in a component's grants: labels of databases.
const GRANT: &str = "postgres";

/// The key under which a manifest allows addresses.
const HOSTS: &str = "outbound-hosts";

/// PostgreSQL.
pub struct Postgres;

/// A server with a database, and somebody to be there.
#[async_trait]
pub trait Database: Send + Sync {
    /// A session of its own, in which nothing of an earlier one is left. It ends with its last user; what was not committed by then never
    /// happened.
    async fn connect(&self) -> Result<Arc<dyn Session>, Error>;
}

/// A session of one instance.
#[async_trait]
pub trait Session: Send + Sync {
    /// Runs one statement and answers with its rows as they come. They hold the session.
    async fn query(&self, statement: &str, parameters: Vec<Value>) -> Result<Rows, Error>;

    /// Runs one statement and answers how many rows it changed.
    async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<u64, Error>;

    /// Runs any number of statements, and drops their rows.
    async fn batch(&self, statements: &str) -> Result<(), Error>;

    /// Whether it still leads somewhere.
    fn is_usable(&self) -> bool;
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// PostgreSQL's type.
    pub kind: Type,
}

/// The values of one row.
pub type Row = Vec<Value>;

/// A result that is still being read.
pub struct Rows {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows; after an error there is no more. Dropping it stops the statement.
    pub rows: BoxStream<'static, Result<Row, Error>>,
}

/// A whole result.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// What the server said of a statement that it refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// All of it in one line.
    pub text: String,
    /// How bad it is, such as `ERROR`.
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// Everything else, by name.
    pub extras: Vec<(String, String)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The manifest does not allow the address.
    #[error("address {0} is not permitted")]
    NotPermitted(String),
    /// The component was granted no database, or several where it has to be one.
    #[error("access denied")]
    AccessDenied,
    /// There is no connection.
    #[error("{0}")]
    Connection(String),
    /// Every connection that there may be is in use.
    #[error("all {connections_max} connections are in use; try again, or raise `max_connections`")]
    TooManyConnections {
        /// The bound.
        connections_max: usize,
    },
    /// A parameter does not fit the statement.
    #[error("{0}")]
    Parameter(String),
    /// The server refused a statement.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// A statement took too long.
    #[error("the statement was stopped after {ms_max} ms; ask for less, or add an index")]
    TooSlow {
        /// The bound.
        ms_max: u128,
    },
    /// The session is in use.
    #[error("the connection is busy; read the result before to its end, or drop it")]
    Busy,
    /// The connection broke.
    #[error("the connection to the server is lost; open another one")]
    Lost,
    /// A result is too large.
    #[error("query result exceeds limit of {bytes_max} bytes; ask for fewer rows at a time")]
    ResultTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// A statement or parameter is too large.
    #[error("statement and parameters exceed the limit of {bytes_max} bytes")]
    StatementTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The instance called more often than it may.
    #[error("more than {operations_max} statements in one invocation; do the rest in another")]
    TooManyOperations {
        /// The bound.
        operations_max: u32,
    },
    /// The instance has as many of something open as it may.
    #[error("more than {max} {what} are open; close some")]
    TooManyOpen {
        /// What.
        what: &'static str,
        /// The bound.
        max: u32,
    },
    /// A value cannot be told to the guest.
    #[error("{0}")]
    Conversion(String),
}

impl Capability for Postgres {
    fn name(&self) -> &'static str {
        GRANT
    }

    fn interfaces(&self) -> &'static [Interface] {
        const fn interface(name: &'static str, versions: &'static [&'static str], granted_by: Option<&'static str>) -> Interface {
            Interface { name, versions, granted_by }
        }
        const CLOUD: &[&str] = &["0.1.1-draft", "0.2.0"];
        const {
            &[
                interface("fermyon:spin/rdbms-types", &[], None),
                interface("fermyon:spin/rdbms-types", &["2.0.0"], None),
                interface("fermyon:spin/postgres", &[], Some(HOSTS)),
                interface("fermyon:spin/postgres", &["2.0.0"], Some(HOSTS)),
                interface("spin:postgres/postgres", &["3.0.0", "4.2.0"], Some(HOSTS)),
                interface("wasmcloud:postgres/types", CLOUD, None),
                interface("wasmcloud:postgres/query", CLOUD, Some(GRANT)),
                interface("wasmcloud:postgres/prepared", CLOUD, Some(GRANT)),
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

    fn renew(&self, instance: &mut InstanceState) {
        if let Some(state) = instance.opened::<State>() {
            state.renew();
        }
    }

    fn tables(&self) -> &'static [ConfigTable] {
        config::TABLES
    }

    fn about(&self) -> About {
        About {
            summary: "PostgreSQL: at addresses that the manifest allows, and databases that the operator bound to a label.",
            example: "[component.orders]\nallowed_outbound_hosts = [\"postgres://db.example.com:5432\"]\ncapabilities = { postgres = [\"default\"] }",
            denied: "`open` answers `connection-failed`; of wasmCloud's interface, `query` answers `unexpected` in the draft, `access-denied` in 0.2.0",
            backends: &["postgres"],
        }
    }
}
