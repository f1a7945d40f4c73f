//! Key-value guests of several SDKs on several backends.

use std::path::Path;

use coracle_capabilities::key_value::preset;
use coracle_triggers::http::Body;
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

#[tokio::test]
async fn guests_of_each_generation_keep_values() {
    for name in ["spin5-kv", "spin7-kv"] {
        let folder = tempfile::tempdir().unwrap();
        for given in [granted(&["default"]), kept_in(folder.path())] {
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
    let guest = granted(&["default"]).serve("spin7-kv");
    let pairs: Vec<_> = (0..2_500).map(|index| (format!("key-{index:04}"), String::new())).collect();
    let expected = pairs.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join("\n");
    preset(&guest.site, "default", pairs).await.unwrap();
    assert_eq!(guest.get("/").await, (200, expected));
}

#[tokio::test]
async fn without_a_grant_open_answers_access_denied() {
    let config = "[key_value_store.other]\ntype = \"memory\"";
    for name in ["spin5-kv", "spin7-kv"] {
        for given in [Given::default(), granted(&["other"]).runtime_config(config, Path::new("/"))] {
            let request = http::Request::get("http://example.com/").header("host", "example.com").body(Body::empty()).unwrap();
            let answer = given.serve(name).answer(request).await;
            let (status, text) = answer.unwrap_or_else(|fault| (fault.status(), fault.to_string()));
            assert!(status == 500 && text.contains("AccessDenied"), "{name}: {status} {text}");
        }
    }
}

#[tokio::test]
async fn a_counter_of_wasmcloud_counts() {
    let guest = granted(&["default"]).serve("wasmcloud-counter");
    guest.get("/a").await;
    let (status, text) = guest.get("/a").await;
    assert!(status == 200 && text.starts_with("Counter /a: Ok(2) keys=Ok([\"/a\"])"), "{text}");
    let (_, text) = Given::default().serve("wasmcloud-counter").get("/a").await;
    assert!(text.starts_with("open: Error::AccessDenied"), "{text}");
}
