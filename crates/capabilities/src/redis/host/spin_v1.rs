//! `fermyon:spin/redis` without a version: Spin 1, where every call names the address and an absent key is an empty value.

use coracle_engine::View;

use self::bindings::fermyon::spin::{redis as wit, redis_types as types};
use super::translate;
use crate::redis::handle::Handle;
use crate::redis::{Error, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/redis/wit/fermyon-spin",
        world: "host",
        imports: { default: async },
        require_store_data_send: true,
    });
}

type Answer<T> = Result<T, types::Error>;

translate!(types);

impl types::Host for View<'_, State> {}

impl wit::Host for View<'_, State> {
    async fn publish(&mut self, address: String, channel: String, payload: Vec<u8>) -> Answer<()> {
        Ok(connect(self, &address).await?.publish(&channel, payload).await?)
    }

    async fn get(&mut self, address: String, key: String) -> Answer<Vec<u8>> {
        Ok(connect(self, &address).await?.get(&key).await?.unwrap_or_default())
    }

    async fn set(&mut self, address: String, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(connect(self, &address).await?.set(&key, value).await?)
    }

    async fn incr(&mut self, address: String, key: String) -> Answer<i64> {
        Ok(connect(self, &address).await?.incr(&key).await?)
    }

    async fn del(&mut self, address: String, keys: Vec<String>) -> Answer<i64> {
        Ok(connect(self, &address).await?.del(&keys).await?.into())
    }

    async fn sadd(&mut self, address: String, key: String, values: Vec<String>) -> Answer<i64> {
        Ok(connect(self, &address).await?.sadd(&key, &values).await?.into())
    }

    async fn smembers(&mut self, address: String, key: String) -> Answer<Vec<String>> {
        Ok(connect(self, &address).await?.smembers(&key).await?)
    }

    async fn srem(&mut self, address: String, key: String, values: Vec<String>) -> Answer<i64> {
        Ok(connect(self, &address).await?.srem(&key, &values).await?.into())
    }

    async fn execute(
        &mut self,
        address: String,
        command: String,
        arguments: Vec<types::RedisParameter>,
    ) -> Answer<Vec<types::RedisResult>> {
        let parts = connect(self, &address).await?.execute(&command, arguments.into_iter().map(Into::into).collect()).await?;
        Ok(parts.into_iter().map(Into::into).collect())
    }
}

/// A connection for one call, which the pool has again after it.
async fn connect(view: &mut View<'_, State>, address: &str) -> Result<Handle, Error> {
    view.state.begin_open(address)?.finish().await
}

impl From<Error> for types::Error {
    fn from(_: Error) -> Self {
        Self::Error
    }
}
