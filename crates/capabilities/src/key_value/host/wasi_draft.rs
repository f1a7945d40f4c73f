//! `wasi:keyvalue@0.2.0-draft`, whose cursors and counters are unsigned numbers, and whose default store is where links lead.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::wasi::keyvalue::{atomics, batch, store as wit};
use super::{close, handle, open_linked};
use crate::key_value::grant::{ATOMICS, BATCH, STORE};
use crate::key_value::handle::Handle;
use crate::key_value::{Error, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/key_value/wit/wasi-keyvalue@0.2.0-draft",
        world: "host",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": crate::key_value::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl wit::Host for View<'_, State> {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Handle>> {
        answer(open_linked(self, &identifier))
    }
}

impl wit::HostBucket for View<'_, State> {
    async fn get(&mut self, bucket: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        let store = linked(self, &bucket, STORE)?;
        answer(async { store?.get(&key).await }.await)
    }

    async fn set(&mut self, bucket: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        let store = linked(self, &bucket, STORE)?;
        answer(async { store?.set(&key, value).await }.await)
    }

    async fn delete(&mut self, bucket: Resource<Handle>, key: String) -> Answer<()> {
        let store = linked(self, &bucket, STORE)?;
        answer(async { store?.delete(&key).await }.await)
    }

    async fn exists(&mut self, bucket: Resource<Handle>, key: String) -> Answer<bool> {
        let store = linked(self, &bucket, STORE)?;
        answer(async { store?.exists(&key).await }.await)
    }

    async fn list_keys(&mut self, bucket: Resource<Handle>, cursor: Option<u64>) -> Answer<wit::KeyResponse> {
        let store = linked(self, &bucket, STORE)?;
        answer(async { list(&store?, cursor).await }.await)
    }

    async fn drop(&mut self, bucket: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, bucket)
    }
}

impl atomics::Host for View<'_, State> {
    async fn increment(&mut self, bucket: Resource<Handle>, key: String, delta: u64) -> Answer<u64> {
        let store = linked(self, &bucket, ATOMICS)?;
        answer(async { increment(&store?, &key, delta).await }.await)
    }
}

impl batch::Host for View<'_, State> {
    async fn get_many(&mut self, bucket: Resource<Handle>, keys: Vec<String>) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let pair = |(key, value): (String, Option<Vec<u8>>)| value.map(|value| (key, value));
        let store = linked(self, &bucket, BATCH)?;
        let found = async {
            let values = store?.get_many(keys.clone()).await?;
            Ok(keys.into_iter().zip(values).map(pair).collect())
        };
        answer(found.await)
    }

    async fn set_many(&mut self, bucket: Resource<Handle>, pairs: Vec<(String, Vec<u8>)>) -> Answer<()> {
        let store = linked(self, &bucket, BATCH)?;
        answer(async { store?.set_many(pairs).await }.await)
    }

    async fn delete_many(&mut self, bucket: Resource<Handle>, keys: Vec<String>) -> Answer<()> {
        let store = linked(self, &bucket, BATCH)?;
        answer(async { store?.delete_many(keys).await }.await)
    }
}

/// The store that `bucket` means in calls of `interface`.
fn linked(view: &View<'_, State>, bucket: &Resource<Handle>, interface: &str) -> wasmtime::Result<Result<Handle, Error>> {
    Ok(view.state.linked(&handle(view, bucket)?, interface))
}

fn answer<T>(result: Result<T, Error>) -> Answer<T> {
    Ok(result.map_err(Into::into))
}

async fn list(handle: &Handle, cursor: Option<u64>) -> Result<wit::KeyResponse, Error> {
    let from = cursor.map(|number| handle.granted().kept_cursor(number)).transpose()?;
    let page = handle.page("", from.as_ref()).await?;
    Ok(wit::KeyResponse { keys: page.keys, cursor: page.next.map(|cursor| handle.granted().keep_cursor(cursor)) })
}

/// Numbers are signed in every other version and in the stores, so half of the range is out of reach.
async fn increment(handle: &Handle, key: &str, delta: u64) -> Result<u64, Error> {
    let sum = handle.increment(key, i64::try_from(delta).map_err(|_| Error::Overflow)?).await?;
    u64::try_from(sum).map_err(|_| Error::Overflow)
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied => Self::AccessDenied,
            other => Self::Other(other.to_string()),
        }
    }
}
