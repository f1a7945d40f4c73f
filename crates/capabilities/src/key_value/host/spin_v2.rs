//! `fermyon:spin/key-value@2.0.0`.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::fermyon::spin::key_value as wit;
use super::{close, handle, open};
use crate::key_value::handle::Handle;
use crate::key_value::{Error, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/key_value/wit/fermyon-spin@2.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/key-value.store": crate::key_value::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl wit::HostStore for View<'_, State> {
    async fn open(&mut self, label: String) -> Answer<Resource<Handle>> {
        Ok(open(self, &label).map_err(Into::into))
    }

    async fn get(&mut self, store: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(handle(self, &store)?.get(&key).await.map_err(Into::into))
    }

    async fn set(&mut self, store: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(handle(self, &store)?.set(&key, value).await.map_err(Into::into))
    }

    async fn delete(&mut self, store: Resource<Handle>, key: String) -> Answer<()> {
        Ok(handle(self, &store)?.delete(&key).await.map_err(Into::into))
    }

    async fn exists(&mut self, store: Resource<Handle>, key: String) -> Answer<bool> {
        Ok(handle(self, &store)?.exists(&key).await.map_err(Into::into))
    }

    async fn get_keys(&mut self, store: Resource<Handle>) -> Answer<Vec<String>> {
        Ok(handle(self, &store)?.all_keys().await.map_err(Into::into))
    }

    async fn drop(&mut self, store: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, store)
    }
}

impl wit::Host for View<'_, State> {}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::TableFull => Self::StoreTableFull,
            Error::AccessDenied => Self::AccessDenied,
            other => Self::Other(other.to_string()),
        }
    }
}
