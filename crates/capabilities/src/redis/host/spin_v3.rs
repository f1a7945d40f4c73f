//! `spin:redis/redis@3.0.0`, whose functions are async.

use coracle_engine::View;
use wasmtime::component::{Accessor, Resource};

use self::bindings::spin::redis::redis as wit;
use super::{Access, close, handle, keep, translate, translate_errors};
use crate::redis::State;
use crate::redis::handle::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/redis/wit/spin-redis@3.0.0",
        world: "host",
        imports: { default: trappable },
        with: { "spin:redis/redis.connection": crate::redis::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

translate!(wit);
translate_errors!(wit);

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for Access {
    async fn open(guest: &Accessor<T, Self>, address: String) -> Answer<Resource<Handle>> {
        let opened = match guest.with(|mut access| access.get().state.begin_open(&address)) {
            Ok(opening) => opening.finish().await,
            Err(error) => Err(error),
        };
        Ok(guest.with(|mut access| keep(&mut access.get(), opened)).map_err(Into::into))
    }

    async fn publish(guest: &Accessor<T, Self>, connection: Resource<Handle>, channel: String, payload: Vec<u8>) -> Answer<()> {
        Ok(the(guest, &connection)?.publish(&channel, payload).await.map_err(Into::into))
    }

    async fn get(guest: &Accessor<T, Self>, connection: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(the(guest, &connection)?.get(&key).await.map_err(Into::into))
    }

    async fn set(guest: &Accessor<T, Self>, connection: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(the(guest, &connection)?.set(&key, value).await.map_err(Into::into))
    }

    async fn incr(guest: &Accessor<T, Self>, connection: Resource<Handle>, key: String) -> Answer<i64> {
        Ok(the(guest, &connection)?.incr(&key).await.map_err(Into::into))
    }

    async fn del(guest: &Accessor<T, Self>, connection: Resource<Handle>, keys: Vec<String>) -> Answer<u32> {
        Ok(the(guest, &connection)?.del(&keys).await.map_err(Into::into))
    }

    async fn sadd(guest: &Accessor<T, Self>, connection: Resource<Handle>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(the(guest, &connection)?.sadd(&key, &values).await.map_err(Into::into))
    }

    async fn smembers(guest: &Accessor<T, Self>, connection: Resource<Handle>, key: String) -> Answer<Vec<String>> {
        Ok(the(guest, &connection)?.smembers(&key).await.map_err(Into::into))
    }

    async fn srem(guest: &Accessor<T, Self>, connection: Resource<Handle>, key: String, values: Vec<String>) -> Answer<u32> {
        Ok(the(guest, &connection)?.srem(&key, &values).await.map_err(Into::into))
    }

    async fn execute(
        guest: &Accessor<T, Self>,
        connection: Resource<Handle>,
        command: String,
        arguments: Vec<wit::RedisParameter>,
    ) -> Answer<Vec<wit::RedisResult>> {
        let parts = the(guest, &connection)?.execute(&command, arguments.into_iter().map(Into::into).collect()).await;
        Ok(parts.map(|parts| parts.into_iter().map(Into::into).collect()).map_err(Into::into))
    }
}

impl wit::HostConnection for View<'_, State> {
    fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}

fn the<T: 'static>(guest: &Accessor<T, Access>, connection: &Resource<Handle>) -> wasmtime::Result<Handle> {
    guest.with(|mut access| handle(&access.get(), connection))
}
