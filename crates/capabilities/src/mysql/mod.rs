//! MySQL and MariaDB, at addresses that the manifest allows. Connections are pooled over requests and come back clean: what a guest began
//! and did not commit is undone.

mod client;
mod config;
mod grant;
mod handle;
mod host;
mod limits;

#[cfg(test)]
mod conformance;

pub use grant::State;
pub use limits::Limits;

use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::{
    About, Bind, BindError, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface,
};
use futures::stream::BoxStream;
use wasmtime::component::Linker;

/// The key under which a manifest allows addresses.
const HOSTS: &str = "outbound-hosts";

/// MySQL and MariaDB.
pub struct Mysql;

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

    /// Runs one statement, and drops its rows.
    async fn execute(&self, statement: &str, parameters: Vec<Value>) -> Result<(), Error>;
}

/// A value of a column or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no, which is a column of one bit.
    Boolean(bool),
    /// A number with a sign, in a column of so many bytes.
    Int(i64),
    /// A number without a sign.
    Uint(u64),
    /// A number with a fraction, of four bytes.
    Float32(f32),
    /// A number with a fraction, of eight bytes.
    Float64(f64),
    /// Text; also what no interface has a type for, as SQL writes it.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One bit.
    Boolean,
    /// One byte.
    Int8,
    /// Two bytes.
    Int16,
    /// Three or four bytes.
    Int32,
    /// Eight bytes.
    Int64,
    /// One byte without a sign.
    Uint8,
    /// Two bytes without a sign.
    Uint16,
    /// Three or four bytes without a sign.
    Uint32,
    /// Eight bytes without a sign.
    Uint64,
    /// Four bytes with a fraction.
    Float32,
    /// Eight bytes with a fraction.
    Float64,
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// None of these. Its values are told as text.
    Other,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
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

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The manifest does not allow the address.
    #[error("address {0} is not permitted")]
    NotPermitted(String),
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
    #[error("{0}")]
    Refused(String),
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
    /// The instance has as many connections open as it may.
    #[error("more than {open_max} connections are open; close some")]
    TooManyOpen {
        /// The bound.
        open_max: u32,
    },
    /// A value cannot be told to the guest.
    #[error("{0}")]
    Conversion(String),
}

impl Value {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let inner = match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            _ => 0,
        };
        size_of::<Self>().saturating_add(inner)
    }
}

impl Capability for Mysql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn interfaces(&self) -> &'static [Interface] {
        const fn interface(name: &'static str, versions: &'static [&'static str]) -> Interface {
            Interface { name, versions, granted_by: Some(HOSTS) }
        }
        const { &[interface("fermyon:spin/mysql", &[]), interface("fermyon:spin/mysql", &["2.0.0"]), interface("spin:mysql/mysql", &["3.0.0"])] }
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
            summary: "MySQL and MariaDB at addresses that the manifest allows.",
            example: "[component.orders]\nallowed_outbound_hosts = [\"mysql://db.example.com:3306\"]",
            denied: "`open` answers `connection-failed`",
            backends: &[],
        }
    }
}
