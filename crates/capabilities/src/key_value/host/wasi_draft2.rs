//! `wasi:keyvalue@0.2.0-draft2`, whose cursors are texts and which has compare-and-swap.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::wasi::keyvalue::{atomics, batch, store as wit};
use super::{close, handle, open};
use crate::key_value::handle::{Cas, Handle};
use crate::key_value::{Cursor, Error, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/key_value/wit/wasi-keyvalue@0.2.0-draft2",
        world: "host",
        imports: { default: async | trappable },
        with: {
            "wasi:keyvalue/store.bucket": crate::key_value::handle::Handle,
            "wasi:keyvalue/atomics.cas": crate::key_value::handle::Cas,
        },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl wit::Host for View<'_, State> {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Handle>> {
        Ok(open(self, &identifier).map_err(Into::into))
    }
}

impl wit::HostBucket for View<'_, State> {
    async fn get(&mut self, bucket: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(handle(self, &bucket)?.get(&key).await.map_err(Into::into))
    }

    async fn set(&mut self, bucket: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(handle(self, &bucket)?.set(&key, value).await.map_err(Into::into))
    }

    async fn delete(&mut self, bucket: Resource<Handle>, key: String) -> Answer<()> {
        Ok(handle(self, &bucket)?.delete(&key).await.map_err(Into::into))
    }

    async fn exists(&mut self, bucket: Resource<Handle>, key: String) -> Answer<bool> {
        Ok(handle(self, &bucket)?.exists(&key).await.map_err(Into::into))
    }

    async fn list_keys(&mut self, bucket: Resource<Handle>, cursor: Option<String>) -> Answer<wit::KeyResponse> {
        let page = handle(self, &bucket)?.page("", cursor.map(Cursor).as_ref()).await;
        let response = page.map(|page| wit::KeyResponse { keys: page.keys, cursor: page.next.map(|cursor| cursor.0) });
        Ok(response.map_err(Into::into))
    }

    async fn drop(&mut self, bucket: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, bucket)
    }
}

impl atomics::Host for View<'_, State> {
    async fn increment(&mut self, bucket: Resource<Handle>, key: String, delta: i64) -> Answer<i64> {
        Ok(handle(self, &bucket)?.increment(&key, delta).await.map_err(Into::into))
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let cas = self.table.delete(cas)?;
        Ok(match cas.swap(value).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(again)) => Err(atomics::CasError::CasFailed(self.table.push(again)?)),
            Err(error) => Err(atomics::CasError::StoreError(error.into())),
        })
    }
}

impl atomics::HostCas for View<'_, State> {
    async fn new(&mut self, bucket: Resource<Handle>, key: String) -> Answer<Resource<Cas>> {
        match handle(self, &bucket)?.cas(key).await {
            Ok(cas) => Ok(Ok(self.table.push(cas)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        Ok(self.table.get_mut(&cas)?.current().await.map_err(Into::into))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}

impl batch::Host for View<'_, State> {
    async fn get_many(&mut self, bucket: Resource<Handle>, keys: Vec<String>) -> Answer<Vec<(String, Option<Vec<u8>>)>> {
        let values = handle(self, &bucket)?.get_many(keys.clone()).await;
        Ok(values.map(|values| keys.into_iter().zip(values).collect()).map_err(Into::into))
    }

    async fn set_many(&mut self, bucket: Resource<Handle>, pairs: Vec<(String, Vec<u8>)>) -> Answer<()> {
        Ok(handle(self, &bucket)?.set_many(pairs).await.map_err(Into::into))
    }

    async fn delete_many(&mut self, bucket: Resource<Handle>, keys: Vec<String>) -> Answer<()> {
        Ok(handle(self, &bucket)?.delete_many(keys).await.map_err(Into::into))
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied => Self::AccessDenied,
            other => Self::Other(other.to_string()),
        }
    }
}
