//! Key-value guests of several SDKs on several backends.

use std::path::Path;

use coracle_capabilities::key_value::preset;
use coracle_testkit::servers::{self, Server};
use serde_json::json;

use crate::guest::Given;

fn granted(labels: &[&str]) -> Given {
    Given::default().grant("key-value", json!(labels))
}

fn kept_in(state_dir: &Path) -> Given {
    let mut given = granted(&["default"]);
    given.site.state_dir = Some(state_dir.to_owned());
    given
}

/// The servers that a store may be kept in.
fn servers() -> [(Server, &'static str); 2] {
    [(servers::redis::start().unwrap(), "redis"), (servers::nats::start().unwrap(), "nats")]
}

/// The store `default` in one of [`servers`].
fn served_by((server, kind): &(Server, &str)) -> Given {
    let config = format!("[key_value_store.default]\ntype = \"{kind}\"\nurl = \"{kind}://{}\"", server.place().address());
    granted(&["default"]).runtime_config(&config, Path::new("/"))
}

#[tokio::test]
async fn guests_of_each_generation_keep_values() {
    for name in ["spin5-kv", "spin7-kv"] {
        let folder = tempfile::tempdir().unwrap();
        let servers = servers();
        let [redis, nats] = &servers;
        for given in [granted(&["default"]), kept_in(folder.path()), served_by(redis), served_by(nats)] {
            let guest = given.serve(name);
            assert_eq!(guest.get("/").await, (200, String::new()), "{name}");
            assert_eq!(guest.get("/a").await.0, 404, "{name}");
            assert_eq!(guest.send("PUT", "/a", "one").await.0, 201, "{name}");
            assert_eq!(guest.send("POST", "/b/../c", "two").await.0, 201, "{name}");
            assert_eq!(guest.get("/a").await, (200, "one".to_owned()), "{name}");
            assert_eq!(guest.get("/").await, (200, "a\nb/../c".to_owned()), "{name}");
            assert_eq!(guest.send("HEAD", "/a", "").await.0, 200, "{name}");
            assert_eq!(guest.send("DELETE", "/a", "").await.0, 200, "{name}");
            assert_eq!(guest.send("HEAD", "/a", "").await.0, 404, "{name}");
        }
    }
}

#[tokio::test]
async fn values_outlive_the_workload_in_the_file_of_the_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("not-yet/there");
    assert_eq!(kept_in(&state_dir).serve("spin5-kv").send("PUT", "/kept", "value").await.0, 201);
    assert_eq!(kept_in(&state_dir).serve("spin5-kv").get("/kept").await, (200, "value".to_owned()));
    assert!(state_dir.join("sqlite_key_value.db").is_file());
}

#[tokio::test]
async fn all_of_many_keys_are_streamed() {
    let servers = servers();
    let [redis, nats] = &servers;
    for (given, keys) in [(granted(&["default"]), 2_500), (served_by(redis), 2_500), (served_by(nats), 300)] {
        all_are_streamed(given, keys).await;
    }
}

async fn all_are_streamed(given: Given, keys: u32) {
    let guest = given.serve("spin7-kv");
    let pairs: Vec<_> = (0..keys).map(|index| (format!("key-{index:04}"), String::new())).collect();
    let expected = pairs.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join("\n");
    preset(&guest.site, "default", pairs).await.unwrap();
    assert_eq!(guest.get("/").await, (200, expected));
}

#[tokio::test]
async fn without_a_grant_open_answers_access_denied() {
    let config = "[key_value_store.other]\ntype = \"memory\"";
    for name in ["spin5-kv", "spin7-kv"] {
        for given in [Given::default(), granted(&["other"]).runtime_config(config, Path::new("/"))] {
            let (status, text) = given.serve(name).try_get("/").await;
            assert!(status == 500 && text.contains("AccessDenied"), "{name}: {status} {text}");
        }
    }
}

#[tokio::test]
async fn a_counter_of_wasmcloud_counts() {
    let servers = servers();
    let [redis, nats] = &servers;
    for given in [granted(&["default"]), served_by(redis), served_by(nats)] {
        let guest = given.serve("wasmcloud-counter");
        guest.get("/a").await;
        let (status, text) = guest.get("/a").await;
        assert!(status == 200 && text.starts_with("Counter /a: Ok(2) keys=Ok([\"/a\"])"), "{text}");
    }
    let (_, text) = Given::default().serve("wasmcloud-counter").get("/a").await;
    assert!(text.starts_with("open: Error::AccessDenied"), "{text}");
}
