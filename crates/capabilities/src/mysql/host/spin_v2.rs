//! `fermyon:spin/mysql@2.0.0`.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::fermyon::spin::{mysql as wit, rdbms_types as types};
use super::{close, errors, handle, keep, table, values};
use crate::mysql::State;
use crate::mysql::handle::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/mysql/wit/fermyon-spin@2.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/mysql.connection": crate::mysql::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

errors!(types::Error, Other);
values!(types);
table!(types);

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, address: String) -> Answer<Resource<Handle>> {
        let opening = match self.state.begin_open(&address) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error.into())),
        };
        let opened = opening.finish().await;
        Ok(keep(self, opened)?.map_err(Into::into))
    }

    async fn query(
        &mut self,
        connection: Resource<Handle>,
        statement: String,
        parameters: Vec<types::ParameterValue>,
    ) -> Answer<types::RowSet> {
        let table = handle(self, &connection)?.query(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(table.map(Into::into).map_err(Into::into))
    }

    async fn execute(&mut self, connection: Resource<Handle>, statement: String, parameters: Vec<types::ParameterValue>) -> Answer<()> {
        let done = handle(self, &connection)?.execute(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(done.map_err(Into::into))
    }

    async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}
