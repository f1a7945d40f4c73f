//! `spin:sqlite/sqlite@3.0.0`, which tells what a statement changed.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::spin::sqlite::sqlite as wit;
use super::{close, handle, open, translate};
use crate::sqlite::State;
use crate::sqlite::grant::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/sqlite/wit/spin-sqlite@3.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "spin:sqlite/sqlite.connection": crate::sqlite::grant::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

translate!(wit);

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, database: String) -> Answer<Resource<Handle>> {
        Ok(open(self, &database).await?.map_err(Into::into))
    }

    async fn execute(&mut self, connection: Resource<Handle>, statement: String, parameters: Vec<wit::Value>) -> Answer<wit::QueryResult> {
        let table = handle(self, &connection)?.execute(statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(table.map(Into::into).map_err(Into::into))
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Handle>) -> wasmtime::Result<i64> {
        Ok(handle(self, &connection)?.last_insert_rowid())
    }

    async fn changes(&mut self, connection: Resource<Handle>) -> wasmtime::Result<u64> {
        Ok(handle(self, &connection)?.changes())
    }

    async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}
