//! `fermyon:spin/postgres` without a version: Spin 1, where each call names the address and is a connection of its own.

use coracle_engine::View;

use self::bindings::fermyon::spin::{postgres as wit, rdbms_types as types};
use super::translate::{errors, rdbms};
use crate::postgres::{State, Value};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/fermyon-spin",
        world: "host",
        imports: { default: async },
        require_store_data_send: true,
    });
}

errors!(wit::PgError, OtherError);
rdbms!(types, parameters {} values {} columns {});

impl wit::Host for View<'_, State> {
    async fn query(
        &mut self,
        address: String,
        statement: String,
        parameters: Vec<types::ParameterValue>,
    ) -> Result<types::RowSet, wit::PgError> {
        let handle = self.state.begin(&address, None)?.finish().await?;
        Ok(handle.query(&statement, values(parameters)).await?.into())
    }

    async fn execute(&mut self, address: String, statement: String, parameters: Vec<types::ParameterValue>) -> Result<u64, wit::PgError> {
        let handle = self.state.begin(&address, None)?.finish().await?;
        Ok(handle.execute(&statement, values(parameters)).await?)
    }
}

impl types::Host for View<'_, State> {}

fn values(parameters: Vec<types::ParameterValue>) -> Vec<Value> {
    parameters.into_iter().map(Into::into).collect()
}
