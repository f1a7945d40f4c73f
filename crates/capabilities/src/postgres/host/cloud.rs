//! `wasmcloud:postgres@0.1.1-draft`. It knows no connections: all calls of an instance go to the one database that the component was granted
//! by label, over a session of the instance, so that a transaction of several calls is one and ends with the instance.

use coracle_engine::{InstanceState, View};
use wasmtime::component::Linker;

use self::bindings::wasmcloud::postgres::{prepared, query, types};
use super::cloud_read::read;
use super::cloud_write::write;
use super::{Access, view};
use crate::postgres::handle::Handle;
use crate::postgres::{Column, Error, Row, State, Table, Value};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/wasmcloud-postgres@0.1.1-draft",
        world: "host",
        imports: { default: async },
        require_store_data_send: true,
    });
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Access>(linker, view)?;
    query::add_to_linker::<_, Access>(linker, view)?;
    prepared::add_to_linker::<_, Access>(linker, view)
}

impl query::Host for View<'_, State> {
    async fn query(&mut self, statement: String, parameters: Vec<types::PgValue>) -> Result<Vec<types::ResultRow>, types::QueryError> {
        let Table { columns, rows } = session(self.state).await?.query(&statement, values(parameters)).await?;
        rows.into_iter().map(|row| named(&columns, row)).collect()
    }

    async fn query_batch(&mut self, statements: String) -> Result<(), types::QueryError> {
        Ok(session(self.state).await?.batch(&statements).await?)
    }
}

impl prepared::Host for View<'_, State> {
    /// The statement is prepared when it is first run: the server would know no more of it now.
    async fn prepare(&mut self, statement: String) -> Result<String, types::StatementPrepareError> {
        let unprepared = |error: &Error| types::StatementPrepareError::Unexpected(error.to_string());
        session(self.state).await.map_err(|error| unprepared(&error))?;
        self.state.keep_prepared(statement).map_err(|error| unprepared(&error))
    }

    async fn exec(&mut self, token: String, parameters: Vec<types::PgValue>) -> Result<u64, types::PreparedStatementExecError> {
        let statement = self.state.prepared.get(&token).cloned().ok_or(types::PreparedStatementExecError::UnknownPreparedQuery)?;
        let changed = async { session(self.state).await?.execute(&statement, values(parameters)).await };
        changed.await.map_err(|error| types::PreparedStatementExecError::QueryError(error.into()))
    }
}

impl types::Host for View<'_, State> {}

/// The session of the instance.
async fn session(state: &State) -> Result<Handle, Error> {
    state.own.session(state.begin_labelled()?).await
}

pub(super) fn values(parameters: Vec<types::PgValue>) -> Vec<Value> {
    parameters.into_iter().map(write).collect()
}

fn named(columns: &[Column], row: Row) -> Result<types::ResultRow, types::QueryError> {
    let entry =
        |(value, column): (Value, &Column)| Ok(types::ResultRowEntry { column_name: column.name.clone(), value: read(value, column)? });
    row.into_iter().zip(columns).map(entry).collect()
}

impl From<Error> for types::QueryError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Parameter(_) => Self::InvalidParams(text),
            Error::Refused(_) => Self::InvalidQuery(text),
            _ => Self::Unexpected(text),
        }
    }
}
