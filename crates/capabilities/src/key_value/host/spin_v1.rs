//! `fermyon:spin/key-value` without a version: Spin 1, where a store is a number and an absent key an error.

use coracle_engine::View;

use self::bindings::fermyon::spin::key_value as wit;
use crate::key_value::handle::Handle;
use crate::key_value::{Error, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/key_value/wit/fermyon-spin",
        world: "host",
        imports: { default: async },
        require_store_data_send: true,
    });
}

impl wit::Host for View<'_, State> {
    async fn open(&mut self, name: String) -> Result<u32, wit::Error> {
        Ok(self.state.open_numbered(&name)?)
    }

    async fn get(&mut self, store: u32, key: String) -> Result<Vec<u8>, wit::Error> {
        self.numbered(store)?.get(&key).await?.ok_or(wit::Error::NoSuchKey)
    }

    async fn set(&mut self, store: u32, key: String, value: Vec<u8>) -> Result<(), wit::Error> {
        Ok(self.numbered(store)?.set(&key, value).await?)
    }

    async fn delete(&mut self, store: u32, key: String) -> Result<(), wit::Error> {
        Ok(self.numbered(store)?.delete(&key).await?)
    }

    async fn exists(&mut self, store: u32, key: String) -> Result<bool, wit::Error> {
        Ok(self.numbered(store)?.exists(&key).await?)
    }

    async fn get_keys(&mut self, store: u32) -> Result<Vec<String>, wit::Error> {
        Ok(self.numbered(store)?.all_keys().await?)
    }

    async fn close(&mut self, store: u32) {
        self.state.close_numbered(store);
    }
}

trait Numbered {
    fn numbered(&self, store: u32) -> Result<Handle, wit::Error>;
}

impl Numbered for View<'_, State> {
    fn numbered(&self, store: u32) -> Result<Handle, wit::Error> {
        self.state.numbered(store).ok_or(wit::Error::InvalidStore)
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::TableFull => Self::StoreTableFull,
            Error::AccessDenied => Self::AccessDenied,
            other => Self::Io(other.to_string()),
        }
    }
}
