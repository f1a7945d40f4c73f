//! What is Redis's own: its layout, numbers as text, a server that is full or hangs, TLS.

use std::sync::Arc;

use coracle_testkit::certificates::Authority;
use coracle_testkit::servers::{self, Server};

use crate::key_value::config::opened;
use crate::key_value::{Error, Store, Swap};

fn store(server: &Server, label: &str, more: &str) -> Arc<dyn Store> {
    opened(label, "redis", &format!("url = \"redis://{}{more}", server.place().address()))
}

/// Asks the server itself.
async fn ask<T: ::redis::FromRedisValue>(server: &Server, words: &[&str]) -> T {
    let client = ::redis::Client::open(format!("redis://{}", server.place().address())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = ::redis::Cmd::new();
    command.arg(words).query_async(&mut connection).await.unwrap()
}

#[tokio::test]
async fn keys_are_laid_out_as_spin_lays_them_out_or_after_a_prefix() {
    let server = servers::redis::start().unwrap();
    () = ask(&server, &["MSET", "left", "by Spin", "count", "41", "far", "12345678"]).await;
    let plain = store(&server, "default", "\"");
    assert_eq!(plain.get("left").await.unwrap().as_deref(), Some(&b"by Spin"[..]));
    for (key, sum) in [("count", 42), ("far", 12_345_679)] {
        assert_eq!(plain.increment(key, 1).await, Ok(sum), "a number that is text is counted on");
        assert_eq!(ask::<String>(&server, &["GET", key]).await, sum.to_string(), "and stays text");
    }
    () = ask(&server, &["SET", "far", "9223372036854775807"]).await;
    assert_eq!(plain.increment("far", 1).await, Err(Error::Overflow));
    for text in ["007", "99999999999999999999", "-"] {
        () = ask(&server, &["SET", "far", text]).await;
        assert_eq!(plain.increment("far", 1).await, Err(Error::NotANumber), "{text}");
    }

    let (one, two) = (store(&server, "one", "/1\"\nprefix = \"a*:\""), store(&server, "two", "/1?protocol=resp3\"\nprefix = \"ab:\""));
    one.set("k", vec![1]).await.unwrap();
    two.set("k", vec![2]).await.unwrap();
    for (store, value) in [(&one, 1), (&two, 2)] {
        assert_eq!(store.get("k").await.unwrap(), Some(vec![value]));
        assert_eq!(store.keys("", None, 10).await.unwrap().keys, ["k"]);
        assert_eq!(store.increment("n", i64::from(value)).await, Ok(i64::from(value)));
        assert_eq!(store.swap("k", Some(&[value]), vec![9]).await, Ok(Swap::Done));
        assert_eq!(store.get_many(vec!["k".to_owned(), "absent".to_owned()], 10).await.unwrap(), [Some(vec![9]), None]);
    }
    assert_eq!(plain.keys("", None, 10).await.unwrap().keys, ["count", "far", "left"], "databases are apart");
}

#[tokio::test]
async fn a_full_server_says_so_and_still_reads_and_deletes() {
    let server = servers::redis::start().unwrap();
    let store = store(&server, "default", "\"");
    store.set("kept", vec![1]).await.unwrap();
    () = ask(&server, &["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(store.set("more", vec![2]).await, Err(Error::Full));
    assert_eq!(store.increment("n", 1).await, Err(Error::Full));
    assert_eq!(store.swap("more", None, vec![2]).await, Err(Error::Full));
    assert_eq!(store.get("kept").await.unwrap(), Some(vec![1]));
    store.delete("kept").await.unwrap();
}

#[tokio::test]
async fn what_other_programs_left_is_met_with_errors_and_bounds() {
    let server = servers::redis::start().unwrap();
    let store = store(&server, "default", "\"");
    () = ask(&server, &["RPUSH", "list", "x"]).await;
    assert!(matches!(store.get("list").await, Err(Error::Backend { public, .. }) if public.contains("collection")));
    () = ask(&server, &["SETRANGE", "huge", "33554432", "x"]).await;
    assert!(matches!(store.get("huge").await, Err(Error::ResultTooLarge { .. })));
    store.set("empty", vec![]).await.unwrap();
    assert_eq!(store.get("empty").await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_in_time_and_used_again_later() {
    let server = servers::redis::start().unwrap();
    let store = store(&server, "default", "\"");
    store.set("k", vec![1]).await.unwrap();
    server.freeze().unwrap();
    let hanging = (0..4).map(|_| store.get("k"));
    for answer in futures::future::join_all(hanging).await {
        assert!(matches!(answer, Err(Error::Backend { public: "the storage did not answer in time", .. })), "{answer:?}");
    }
    server.thaw().unwrap();
    assert_eq!(store.get("k").await.unwrap(), Some(vec![1]));
}

#[tokio::test]
async fn tls_is_checked_against_the_roots_of_the_operator() {
    let authority = Authority::new().unwrap();
    let server = servers::redis::start_with_tls(&authority.server()).unwrap();
    let url = format!("url = \"rediss://localhost:{}\"", server.place().port);
    let trusting = opened("default", "redis", &format!("{url}\nca_roots_file = {:?}", authority.root()));
    trusting.set("k", vec![1]).await.unwrap();
    assert_eq!(trusting.get("k").await.unwrap(), Some(vec![1]));
    let doubting = opened("default", "redis", &url);
    assert!(
        matches!(doubting.get("k").await, Err(Error::Backend { public: "the storage cannot be reached", internal }) if internal.contains("certificate"))
    );
}
