//! `wasmcloud:keyvalue@0.2.0`: its functions are async, values may end by themselves, keys are listed by how they begin, and swaps go by
//! version.

use std::time::Duration;

use coracle_engine::View;
use wasmtime::component::{Accessor, Resource};

use self::bindings::wasmcloud::keyvalue::{atomics, batch, cas, store, types as wit};
use super::{Access, close, handle, open};
use crate::key_value::handle::Handle;
use crate::key_value::versioned::{Required, Swapped, Versioned};
use crate::key_value::{AWAY, Cursor, Error, LATE, State, Swap, Terms};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/key_value/wit/wasmcloud-keyvalue@0.2.0",
        world: "host",
        imports: { default: trappable },
        with: { "wasmcloud:keyvalue/types.bucket": crate::key_value::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;
type Bucket = Resource<Handle>;

impl<T: Send> store::HostWithStore<T> for Access {
    async fn open(guest: &Accessor<T, Self>, identifier: String) -> Answer<Bucket> {
        Ok(guest.with(|mut access| open(&mut access.get(), &identifier)).map_err(Into::into))
    }
}

impl<T: Send> wit::HostBucketWithStore<T> for Access {
    async fn get(guest: &Accessor<T, Self>, bucket: Bucket, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(the(guest, &bucket)?.get(&key).await.map_err(Into::into))
    }

    async fn set(guest: &Accessor<T, Self>, bucket: Bucket, key: String, value: Vec<u8>, options: Option<wit::SetOptions>) -> Answer<()> {
        let handle = the(guest, &bucket)?;
        Ok(set(&handle, &key, value, options).await)
    }

    async fn delete(guest: &Accessor<T, Self>, bucket: Bucket, key: String) -> Answer<()> {
        Ok(the(guest, &bucket)?.delete(&key).await.map_err(Into::into))
    }

    async fn exists(guest: &Accessor<T, Self>, bucket: Bucket, key: String) -> Answer<bool> {
        Ok(the(guest, &bucket)?.exists(&key).await.map_err(Into::into))
    }

    async fn list_keys(
        guest: &Accessor<T, Self>,
        bucket: Bucket,
        prefix: Option<String>,
        cursor: Option<String>,
    ) -> Answer<wit::KeyResponse> {
        let page = the(guest, &bucket)?.page(&prefix.unwrap_or_default(), cursor.map(Cursor).as_ref()).await;
        let response = page.map(|page| wit::KeyResponse { keys: page.keys, cursor: page.next.map(|cursor| cursor.0) });
        Ok(response.map_err(Into::into))
    }
}

impl<T: Send> atomics::HostWithStore<T> for Access {
    async fn increment(guest: &Accessor<T, Self>, bucket: Bucket, key: String, delta: i64) -> Answer<i64> {
        Ok(the(guest, &bucket)?.increment(&key, delta).await.map_err(Into::into))
    }
}

impl<T: Send> cas::HostWithStore<T> for Access {
    async fn current(guest: &Accessor<T, Self>, bucket: Bucket, key: String) -> Answer<Option<cas::Entry>> {
        let current = the(guest, &bucket)?.versioned(&key).await;
        Ok(current.map(|current| current.map(Into::into)).map_err(Into::into))
    }

    async fn swap(
        guest: &Accessor<T, Self>,
        bucket: Bucket,
        key: String,
        value: Vec<u8>,
        options: cas::CasOptions,
    ) -> Answer<cas::CasResult> {
        let required = Required { version: options.require_version, value: options.require_value };
        let swapped = the(guest, &bucket)?.swap_required(&key, value, required).await;
        Ok(swapped.map(Into::into).map_err(Into::into))
    }
}

impl<T: Send> batch::HostWithStore<T> for Access {
    async fn get_many(guest: &Accessor<T, Self>, bucket: Bucket, keys: Vec<String>) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let values = the(guest, &bucket)?.get_many(keys.clone()).await;
        let pair = |(key, value): (String, Option<Vec<u8>>)| value.map(|value| (key, value));
        Ok(values.map(|values| keys.into_iter().zip(values).map(pair).collect()).map_err(Into::into))
    }

    async fn set_many(guest: &Accessor<T, Self>, bucket: Bucket, pairs: Vec<(String, Vec<u8>)>) -> Answer<()> {
        Ok(the(guest, &bucket)?.set_many(pairs).await.map_err(Into::into))
    }

    async fn delete_many(guest: &Accessor<T, Self>, bucket: Bucket, keys: Vec<String>) -> Answer<()> {
        Ok(the(guest, &bucket)?.delete_many(keys).await.map_err(Into::into))
    }
}

impl wit::HostBucket for View<'_, State> {
    fn drop(&mut self, bucket: Bucket) -> wasmtime::Result<()> {
        close(self, bucket)
    }
}

impl wit::Host for View<'_, State> {}
impl store::Host for View<'_, State> {}
impl atomics::Host for View<'_, State> {}
impl cas::Host for View<'_, State> {}
impl batch::Host for View<'_, State> {}

fn the<T: 'static>(guest: &Accessor<T, Access>, bucket: &Bucket) -> wasmtime::Result<Handle> {
    guest.with(|mut access| handle(&access.get(), bucket))
}

/// Sets a value as `options` ask. That there was one already is an error here.
async fn set(handle: &Handle, key: &str, value: Vec<u8>, options: Option<wit::SetOptions>) -> Result<(), wit::Error> {
    let Some(wit::SetOptions { ttl_ms, if_not_exists }) = options else { return Ok(handle.set(key, value).await?) };
    let ms_max = handle.limits().lifetime_ms_max;
    if let Some(ms) = ttl_ms.filter(|ms| *ms == 0 || *ms > ms_max) {
        return Err(Error::Lifetime { ms, ms_max }.into());
    }
    let terms = Terms { lifetime: ttl_ms.map(Duration::from_millis), only_absent: if_not_exists };
    match handle.set_on(terms, key, value).await? {
        Swap::Done => Ok(()),
        Swap::Stale => Err(wit::Error::PreconditionFailed),
    }
}

impl From<Versioned> for cas::Entry {
    fn from(Versioned { value, version }: Versioned) -> Self {
        Self { value, version }
    }
}

impl From<Swapped> for cas::CasResult {
    fn from(swapped: Swapped) -> Self {
        match swapped {
            Swapped::Done => Self::Swapped,
            Swapped::Stale(current) => Self::Stale(current.map(Into::into)),
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied | Error::NoLink(_) => Self::AccessDenied,
            Error::KeyTooLong { .. } | Error::ValueTooLarge { .. } | Error::Cursor | Error::Lifetime { .. } | Error::NoEnds => {
                Self::InvalidArgument
            }
            Error::TableFull | Error::TooManyOperations { .. } | Error::Full => Self::QuotaExceeded,
            Error::Backend { public: AWAY, .. } => Self::StoreUnavailable,
            Error::Backend { public: LATE, .. } => Self::Timeout,
            // There is no word for these; the text is more than a wrong one.
            other @ (Error::ResultTooLarge { .. } | Error::NotANumber | Error::Overflow | Error::Backend { .. }) => {
                Self::Other(other.to_string())
            }
        }
    }
}
