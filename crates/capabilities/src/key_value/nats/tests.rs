//! What is NATS's own: buckets, names, messages that are too large, who may log in, a server that hangs.

use std::sync::Arc;

use async_nats::jetstream;
use coracle_testkit::servers::{self, Server};

use super::connection::stream;
use super::ends;
use crate::key_value::config::opened;
use crate::key_value::{Error, Store, Swap, Terms};

fn store(server: &Server, more: &str) -> Arc<dyn Store> {
    opened("default", "nats", &format!("url = \"nats://{}\"\n{more}", server.place().address()))
}

async fn bucket(server: &Server, name: &str, change: impl FnOnce(&mut jetstream::stream::Config)) -> jetstream::kv::Store {
    let client = async_nats::connect(format!("nats://{}", server.place().address())).await.unwrap();
    let mut config = stream(name);
    change(&mut config);
    let jetstream = jetstream::new(client);
    jetstream.create_stream(config).await.unwrap();
    jetstream.get_key_value(name).await.unwrap()
}

#[tokio::test]
async fn keys_of_other_programs_are_read_and_ours_by_them() {
    let server = servers::nats::start().unwrap();
    let theirs = bucket(&server, "shared", |config| config.max_messages_per_subject = 5).await;
    theirs.put("users.42", "ann".into()).await.unwrap();
    theirs.put("=zz", "no key of ours".into()).await.unwrap();
    let ours = store(&server, "bucket = \"shared\"");
    assert_eq!(ours.get("users.42").await.unwrap().as_deref(), Some(&b"ann"[..]));
    ours.set("users/43", b"bob".to_vec()).await.unwrap();
    ours.set("a b", vec![1]).await.unwrap();
    assert_eq!(theirs.get("users/43").await.unwrap().as_deref(), Some(&b"bob"[..]));
    assert_eq!(ours.keys("", None, 10).await.unwrap().keys, ["a b", "users.42", "users/43"]);
    theirs.purge("users.42").await.unwrap();
    assert_eq!(ours.get("users.42").await.unwrap(), None);
    assert_eq!(ours.increment("users.42", 3).await, Ok(3), "a key that was deleted begins anew");
}

/// A server before 2.11 keeps the header and does not act on it, so this shows what is written and read, and not that it ends.
#[tokio::test]
async fn a_value_that_ends_says_so_and_how_long_it_has_left() {
    let server = servers::nats::start().unwrap();
    let bucket = bucket(&server, "shared", |config| config.allow_message_ttl = true).await;
    let context = jetstream::new(async_nats::connect(format!("nats://{}", server.place().address())).await.unwrap());
    let write = |revision| ends::write((&context, &bucket), "k", vec![1], revision, 90);
    assert_eq!(ends::find(&bucket, "k").await.map(|(found, left)| (found.revision, found.value, left)), Ok((0, None, None)));
    assert_eq!(write(Some(0)).await, Ok(Swap::Done));
    assert_eq!(write(Some(0)).await, Ok(Swap::Stale));
    let (found, left) = ends::find(&bucket, "k").await.unwrap();
    assert!(found.value == Some(vec![1]) && left.is_some_and(|left| (60..=90).contains(&left)), "{left:?}");
    assert_eq!(write(None).await, Ok(Swap::Done));
    bucket.delete("k").await.unwrap();
    let (found, left) = ends::find(&bucket, "k").await.unwrap();
    assert!(found.revision == 3 && found.value.is_none() && left.is_none());
}

#[tokio::test]
async fn a_bucket_that_cannot_end_values_says_so_and_writes_nothing() {
    let server = servers::nats::start().unwrap();
    bucket(&server, "default", |config| config.allow_message_ttl = false).await;
    let store = store(&server, "");
    let terms = Terms { lifetime: Some(std::time::Duration::from_secs(9)), only_absent: false };
    assert_eq!(store.set_on(terms, "k", vec![1]).await, Err(Error::NoEnds));
    assert_eq!(store.get("k").await, Ok(None));
}

#[tokio::test]
async fn values_beyond_the_servers_bounds_are_refused() {
    let server = servers::nats::start().unwrap();
    bucket(&server, "default", |config| config.max_bytes = 64 << 10).await;
    let store = store(&server, "");
    store.set("kept", vec![1]).await.unwrap();
    let bytes = servers::nats::PAYLOAD_BYTES_MAX + 1;
    assert!(matches!(store.set("k", vec![0; bytes]).await, Err(Error::ValueTooLarge { bytes: told, .. }) if told == bytes));
    assert_eq!(store.set("k", vec![0; 100 << 10]).await, Err(Error::Full));
    assert_eq!(store.get("kept").await.unwrap(), Some(vec![1]));
}

#[tokio::test]
async fn a_bucket_is_not_made_and_nobody_logs_in_without_leave() {
    let server = servers::nats::start_with("authorization { token: \"t0ken\" }").unwrap();
    let unreachable = |error| matches!(error, Err(Error::Backend { public: "the storage cannot be reached", .. }));
    assert!(unreachable(store(&server, "").get("k").await));
    assert!(unreachable(store(&server, "token = \"t0ken\"\ncreate = false").get("k").await));
    assert_eq!(store(&server, "token = \"t0ken\"").get("k").await, Ok(None));
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_in_time_and_used_again_later() {
    let server = servers::nats::start().unwrap();
    let store = store(&server, "");
    store.set("k", vec![1]).await.unwrap();
    server.freeze().unwrap();
    let hanging = (0..4).map(|_| store.get("k"));
    for answer in futures::future::join_all(hanging).await {
        assert!(matches!(answer, Err(Error::Backend { public: "the storage did not answer in time", .. })), "{answer:?}");
    }
    server.thaw().unwrap();
    assert_eq!(store.get("k").await.unwrap(), Some(vec![1]));
}
