//! `wasmcloud:postgres@0.2.0` of wasmCloud 2: the values of the draft, async functions, and rows as a stream. It knows no connections
//! either: all calls of an instance share its session, in which a result has to be read, or dropped, before the next statement runs.

use std::sync::Arc;

use coracle_engine::{InstanceState, View};
use futures::{StreamExt as _, TryStreamExt as _};
use wasmtime::component::{Accessor, FutureReader, Linker, StreamReader};

use self::bindings::wasmcloud::postgres::{prepared, query};
use self::types::{Error as Told, PgValue, Row as Values};
use super::cloud::values;
use super::cloud_read::read;
use super::{Access, view};
use crate::postgres::handle::Handle;
use crate::postgres::{Error, Refusal, Row, Rows, State};
use crate::row_stream::deliver;

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/wasmcloud-postgres@0.2.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "wasmcloud:postgres/types": crate::postgres::host::cloud_async::types },
        require_store_data_send: true,
    });
}

/// The types of this version: the values are those of the draft, so that what reads and writes them is too.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its interfaces")]
pub mod types {
    use wasmtime::component::{ComponentType, Lift, Lower};

    pub use crate::postgres::host::cloud::bindings::wasmcloud::postgres::types::*;

    /// The values of one row, in the order of the columns.
    pub type Row = Vec<PgValue>;

    /// What the server said of a statement that it refused.
    #[derive(Debug, Clone, ComponentType, Lift, Lower)]
    #[component(record)]
    pub struct DbError {
        pub code: String,
        pub severity: String,
        pub message: String,
        pub detail: Option<String>,
        pub extras: Vec<(String, String)>,
    }

    /// Why there is no answer.
    #[derive(Debug, Clone, ComponentType, Lift, Lower)]
    #[component(variant)]
    pub enum Error {
        #[component(name = "connection-failed")]
        ConnectionFailed(String),
        #[component(name = "invalid-params")]
        InvalidParams(String),
        #[component(name = "invalid-query")]
        InvalidQuery(String),
        #[component(name = "query-failed")]
        QueryFailed(DbError),
        #[component(name = "value-conversion-failed")]
        ValueConversionFailed(String),
        #[component(name = "unknown-prepared-statement")]
        UnknownPreparedStatement,
        #[component(name = "access-denied")]
        AccessDenied,
        #[component(name = "timeout")]
        Timeout,
        #[component(name = "other")]
        Other(String),
    }
}

type Answer<T> = wasmtime::Result<Result<T, Told>>;
type Streamed = (Vec<String>, StreamReader<Values>, FutureReader<Result<(), Told>>);

/// Adds the functions; the types need nothing that is linked.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    query::add_to_linker::<_, Access>(linker, view)?;
    prepared::add_to_linker::<_, Access>(linker, view)
}

impl<T: Send + 'static> query::HostWithStore<T> for Access {
    async fn query(guest: &Accessor<T, Self>, statement: String, parameters: Vec<PgValue>) -> Answer<Streamed> {
        let begun = async { session(guest).await?.stream(&statement, values(parameters)).await };
        let Rows { columns, rows } = match begun.await {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error.into())),
        };
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let told = move |row: Row| row.into_iter().zip(&columns).map(|(value, column)| read(value, column)).collect::<Result<Values, _>>();
        let rows = rows.map(move |row| row.and_then(&told)).map_err(Into::into).boxed();
        let (stream, end) = guest.with(|access| deliver(access, rows))?;
        Ok(Ok((names, stream, end)))
    }

    async fn query_batch(guest: &Accessor<T, Self>, statements: String) -> Answer<()> {
        let done = async { session(guest).await?.batch(&statements).await };
        Ok(done.await.map_err(Into::into))
    }
}

impl query::Host for View<'_, State> {}

impl<T: Send + 'static> prepared::HostWithStore<T> for Access {
    /// The statement is prepared when it is first run, as in the draft.
    async fn prepare(guest: &Accessor<T, Self>, statement: String) -> Answer<String> {
        let prepared = async {
            session(guest).await?;
            guest.with(|mut access| access.get().state.keep_prepared(statement))
        };
        Ok(prepared.await.map_err(Into::into))
    }

    async fn exec(guest: &Accessor<T, Self>, token: String, parameters: Vec<PgValue>) -> Answer<u64> {
        let Some(statement) = guest.with(|mut access| access.get().state.prepared.get(&token).cloned()) else {
            return Ok(Err(Told::UnknownPreparedStatement));
        };
        let changed = async { session(guest).await?.execute(&statement, values(parameters)).await };
        Ok(changed.await.map_err(Into::into))
    }
}

impl prepared::Host for View<'_, State> {}

/// The session of the instance. Calls that need it at once wait for the one that opens it.
async fn session<T: 'static>(guest: &Accessor<T, Access>) -> Result<Handle, Error> {
    let (own, opening) = guest.with(|mut access| {
        let state = access.get().state;
        (Arc::clone(&state.own), state.begin_labelled())
    });
    own.session(opening?).await
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::NotPermitted(_) | Error::AccessDenied => Self::AccessDenied,
            Error::Connection(_) | Error::TooManyConnections { .. } | Error::Lost => Self::ConnectionFailed(text),
            Error::Parameter(_) => Self::InvalidParams(text),
            Error::StatementTooLarge { .. } => Self::InvalidQuery(text),
            Error::Refused(refusal) => {
                let Refusal { severity, code, message, detail, extras, .. } = *refusal;
                Self::QueryFailed(types::DbError { code, severity, message, detail, extras })
            }
            Error::TooSlow { .. } => Self::Timeout,
            Error::Conversion(_) => Self::ValueConversionFailed(text),
            Error::Busy | Error::ResultTooLarge { .. } | Error::TooManyOperations { .. } | Error::TooManyOpen { .. } => Self::Other(text),
        }
    }
}
