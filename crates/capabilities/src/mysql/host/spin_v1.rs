//! `fermyon:spin/mysql` without a version: Spin 1, where each call names the address and is a connection of its own.

use coracle_engine::View;

use self::bindings::fermyon::spin::{mysql as wit, rdbms_types as types};
use super::{errors, table, values};
use crate::mysql::{State, Value};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/mysql/wit/fermyon-spin",
        world: "host",
        imports: { default: async },
        require_store_data_send: true,
    });
}

errors!(wit::MysqlError, OtherError);
values!(types);
table!(types);

impl wit::Host for View<'_, State> {
    async fn query(
        &mut self,
        address: String,
        statement: String,
        parameters: Vec<types::ParameterValue>,
    ) -> Result<types::RowSet, wit::MysqlError> {
        let handle = self.state.begin(&address)?.finish().await?;
        Ok(handle.query(&statement, given(parameters)).await?.into())
    }

    async fn execute(&mut self, address: String, statement: String, parameters: Vec<types::ParameterValue>) -> Result<(), wit::MysqlError> {
        let handle = self.state.begin(&address)?.finish().await?;
        Ok(handle.execute(&statement, given(parameters)).await?)
    }
}

fn given(parameters: Vec<types::ParameterValue>) -> Vec<Value> {
    parameters.into_iter().map(Into::into).collect()
}
