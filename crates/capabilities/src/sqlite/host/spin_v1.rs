//! `fermyon:spin/sqlite` without a version: Spin 1, where a connection is a number.

use coracle_engine::View;

use self::bindings::fermyon::spin::sqlite as wit;
use super::translate;
use crate::sqlite::State;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/sqlite/wit/fermyon-spin",
        world: "host",
        imports: { default: async },
        require_store_data_send: true,
    });
}

translate!(wit);

impl wit::Host for View<'_, State> {
    async fn open(&mut self, database: String) -> Result<u32, wit::Error> {
        match self.state.begin_open(&database)?.finish().await {
            Ok(handle) => Ok(self.state.keep_numbered(handle)),
            Err(error) => {
                self.state.close();
                Err(error.into())
            }
        }
    }

    async fn execute(&mut self, connection: u32, statement: String, parameters: Vec<wit::Value>) -> Result<wit::QueryResult, wit::Error> {
        let handle = self.state.numbered(connection)?;
        Ok(handle.execute(statement, parameters.into_iter().map(Into::into).collect()).await?.into())
    }

    async fn close(&mut self, connection: u32) {
        self.state.close_numbered(connection);
    }
}
