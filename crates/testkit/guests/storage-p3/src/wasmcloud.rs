//! The checks of `wasmcloud:keyvalue@0.2.0`.

use std::time::Duration;

use super::bindings::wasmcloud::keyvalue::types::{Bucket, Error, SetOptions};
use super::bindings::wasmcloud::keyvalue::{atomics, batch, cas, store};
use super::{check, shown};

/// Other keys than those of the other checks, which may be run on the same store.
fn key(name: &str) -> String {
    format!("wasmcloud/{name}")
}

async fn opened() -> Result<Bucket, String> {
    check("a label that was not granted", matches!(store::open("other".to_owned()).await, Err(Error::AccessDenied)))?;
    store::open("default".to_owned()).await.map_err(shown)
}

fn only_absent() -> Option<SetOptions> {
    Some(SetOptions { ttl_ms: None, if_not_exists: true })
}

pub async fn key_values() -> Result<(), String> {
    let bucket = opened().await?;
    check("an absent key", matches!(bucket.get(key("k")).await, Ok(None)))?;
    bucket.set(key("k"), vec![1], only_absent()).await.map_err(shown)?;
    check("a key that is there", matches!(bucket.set(key("k"), vec![2], only_absent()).await, Err(Error::PreconditionFailed)))?;
    check("its value", bucket.get(key("k")).await.ok() == Some(Some(vec![1])))?;
    check("that it is there", matches!(bucket.exists(key("k")).await, Ok(true)))?;
    bucket.delete(key("k")).await.map_err(shown)?;
    check("that it is gone", matches!(bucket.exists(key("k")).await, Ok(false)))?;
    for ms in [0, u64::MAX] {
        let never = bucket.set(key("k"), vec![], Some(SetOptions { ttl_ms: Some(ms), if_not_exists: false })).await;
        check("a time that is none", matches!(never, Err(Error::InvalidArgument)))?;
    }
    check("a key that is too long", matches!(bucket.get("k".repeat(10_000)).await, Err(Error::InvalidArgument)))?;

    let counter = || key("n");
    check("a sum", matches!(atomics::increment(&bucket, counter(), 10).await, Ok(10)))?;
    check("a smaller sum", matches!(atomics::increment(&bucket, counter(), -15).await, Ok(-5)))?;
    batches_and_pages(&bucket).await?;
    swaps(&bucket).await
}

async fn batches_and_pages(bucket: &Bucket) -> Result<(), String> {
    let names: Vec<_> = (0..20).map(|index| format!("page/{index:02}")).collect();
    batch::set_many(bucket, names.iter().map(|name| (name.clone(), vec![1])).collect()).await.map_err(shown)?;
    batch::set_many(bucket, vec![("pagf".to_owned(), vec![])]).await.map_err(shown)?;
    let page = bucket.list_keys(Some("page/".to_owned()), None).await.map_err(shown)?;
    check("the keys with a prefix", page.keys == names && page.cursor.is_none())?;
    let page = bucket.list_keys(None, None).await.map_err(shown)?;
    check("all keys", page.keys.len() > names.len())?;
    let made_up = bucket.list_keys(None, Some("0".to_owned())).await;
    check("a cursor that was made up", matches!(made_up, Err(Error::InvalidArgument)))?;
    let asked = || vec!["page/01".to_owned(), "absent".to_owned()];
    let found = batch::get_many(bucket, asked()).await.map_err(shown)?;
    check("a batch", found == [Some(("page/01".to_owned(), vec![1])), None])?;
    batch::delete_many(bucket, asked()).await.map_err(shown)?;
    check("a deleted key", matches!(bucket.exists("page/01".to_owned()).await, Ok(false)))
}

async fn swap(bucket: &Bucket, value: &[u8], version: Option<&str>, expected: Option<&[u8]>) -> Result<cas::CasResult, String> {
    let options = cas::CasOptions { require_version: version.map(str::to_owned), require_value: expected.map(<[u8]>::to_vec) };
    cas::swap(bucket, key("cas"), value.to_vec(), options).await.map_err(shown)
}

async fn swaps(bucket: &Bucket) -> Result<(), String> {
    use cas::CasResult::{Stale, Swapped};
    check("nothing to swap", matches!(cas::current(bucket, key("cas")).await, Ok(None)))?;
    check("a swap of what is absent", matches!(swap(bucket, b"x", Some("v"), None).await?, Stale(None)))?;
    check("a swap that requires nothing", matches!(swap(bucket, b"one", None, None).await?, Swapped))?;
    let one = cas::current(bucket, key("cas")).await.map_err(shown)?.ok_or("no entry")?;
    check("the entry", one.value == b"one")?;
    check("a swap by version", matches!(swap(bucket, b"two", Some(&one.version), None).await?, Swapped))?;
    let two = match swap(bucket, b"three", Some(&one.version), None).await? {
        Stale(Some(two)) => two,
        _ => return Err("an old version".to_owned()),
    };
    check("the entry in between", two.value == b"two" && two.version != one.version)?;
    check("an old value", matches!(swap(bucket, b"three", None, Some(b"one")).await?, Stale(Some(now)) if now.version == two.version))?;
    check("another value", matches!(swap(bucket, b"three", Some(&two.version), Some(b"one")).await?, Stale(Some(_))))?;
    check("a swap by both", matches!(swap(bucket, b"three", Some(&two.version), Some(b"two")).await?, Swapped))?;
    check("a swap by value", matches!(swap(bucket, b"four", None, Some(b"three")).await?, Swapped))?;
    check("the last value", bucket.get(key("cas")).await.ok() == Some(Some(b"four".to_vec())))
}

/// Looks a bounded number of times, because operations are counted.
const LOOKS_MAX: u32 = 200;

pub async fn values_that_end() -> Result<(), String> {
    let bucket = opened().await?;
    let lasting = |ms| Some(SetOptions { ttl_ms: Some(ms), if_not_exists: true });
    bucket.set(key("long"), vec![1], lasting(3_600_000)).await.map_err(shown)?;
    bucket.set(key("short"), vec![1], lasting(5)).await.map_err(shown)?;
    let mut looks = 0;
    while bucket.exists(key("short")).await.map_err(shown)? {
        looks += 1;
        check("a value that ends", looks < LOOKS_MAX)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    bucket.set(key("short"), vec![2], lasting(3_600_000)).await.map_err(shown)?;
    check("a value after one that ended", bucket.get(key("short")).await.ok() == Some(Some(vec![2])))?;
    check("one that lasts", matches!(bucket.exists(key("long")).await, Ok(true)))
}
