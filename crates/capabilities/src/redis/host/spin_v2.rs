//! `fermyon:spin/redis@2.0.0`.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::fermyon::spin::redis as wit;
use super::{close, handle, keep, translate, translate_errors};
use crate::redis::State;
use crate::redis::handle::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/redis/wit/fermyon-spin@2.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/redis.connection": crate::redis::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

translate!(wit);
translate_errors!(wit);

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, address: String) -> Answer<Resource<Handle>> {
        let opened = match self.state.begin_open(&address) {
            Ok(opening) => opening.finish().await,
            Err(error) => Err(error),
        };
        Ok(keep(self, opened).map_err(Into::into))
    }

    async fn publish(&mut self, connection: Resource<Handle>, channel: String, payload: Vec<u8>) -> Answer<()> {
        Ok(handle(self, &connection)?.publish(&channel, payload).await.map_err(Into::into))
    }

    async fn get(&mut self, connection: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(handle(self, &connection)?.get(&key).await.map_err(Into::into))
    }

    async fn set(&mut self, connection: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(handle(self, &connection)?.set(&key, value).await.map_err(Into::into))
    }

    async fn incr(&mut self, connection: Resource<Handle>, key: String) -> Answer<i64> {
        Ok(handle(self, &connection)?.incr(&key).await.map_err(Into::into))
    }

    async fn del(&mut self, connection: Resource<Handle>, keys: Vec<String>) -> Answer<u32> {
        Ok(handle(self, &connection)?.del(&keys).await.map_err(Into::into))
    }

    async fn sadd(&mut self, connection: Resource<Handle>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(handle(self, &connection)?.sadd(&key, &values).await.map_err(Into::into))
    }

    async fn smembers(&mut self, connection: Resource<Handle>, key: String) -> Answer<Vec<String>> {
        Ok(handle(self, &connection)?.smembers(&key).await.map_err(Into::into))
    }

    async fn srem(&mut self, connection: Resource<Handle>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(handle(self, &connection)?.srem(&key, &values).await.map_err(Into::into))
    }

    async fn execute(
        &mut self,
        connection: Resource<Handle>,
        command: String,
        arguments: Vec<wit::RedisParameter>,
    ) -> Answer<Vec<wit::RedisResult>> {
        let parts = handle(self, &connection)?.execute(&command, arguments.into_iter().map(Into::into).collect()).await;
        Ok(parts.map(|parts| parts.into_iter().map(Into::into).collect()).map_err(Into::into))
    }

    async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}
