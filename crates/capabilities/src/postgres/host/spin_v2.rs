//! `fermyon:spin/postgres@2.0.0`.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::fermyon::spin::{postgres as wit, rdbms_types as types};
use super::translate::{errors, rdbms};
use super::{close, handle, open};
use crate::postgres::State;
use crate::postgres::handle::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/fermyon-spin@2.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/postgres.connection": crate::postgres::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

errors!(types::Error, Other);
rdbms!(types, parameters {} values {} columns {});

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, address: String) -> Answer<Resource<Handle>> {
        Ok(open(self, &address, None).await?.map_err(Into::into))
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

    async fn execute(&mut self, connection: Resource<Handle>, statement: String, parameters: Vec<types::ParameterValue>) -> Answer<u64> {
        let changed = handle(self, &connection)?.execute(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(changed.map_err(Into::into))
    }

    async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}

impl types::Host for View<'_, State> {}
