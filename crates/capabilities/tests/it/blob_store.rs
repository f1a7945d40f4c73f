//! The blob guest of wasmCloud on every backend.

use std::path::Path;

use coracle_testkit::servers::s3::{ACCESS_KEY, BUCKET, Fake};
use serde_json::json;

use crate::guest::Given;
use crate::storage;

fn granted() -> Given {
    Given::default().grant("blob-store", json!(["default"]))
}

fn kept_in(state_dir: &Path) -> Given {
    let mut given = granted();
    given.site.state_dir = Some(state_dir.to_owned());
    given
}

fn s3(fake: &Fake) -> Given {
    let config = format!(
        "[blob_store.default]\ntype = \"s3\"\nendpoint = \"{}\"\nallow_http = true\nbucket = \"{BUCKET}\"\naccess_key_id = \"{ACCESS_KEY}\"\n\
         secret_access_key = \"hunter2\"",
        fake.url()
    );
    granted().runtime_config(&config, Path::new("/"))
}

#[tokio::test]
async fn a_guest_of_wasmcloud_keeps_objects() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start().await.unwrap());
    let long = "0123456789".repeat(20_000);
    for (name, given) in [("memory", granted()), ("directory", kept_in(folder.path())), ("s3", s3(&fake))] {
        let guest = given.serve("wasmcloud-blobstore");
        assert_eq!(guest.get("/").await, (200, String::new()), "{name}");
        assert_eq!(guest.send("PUT", "/a", "one").await, (200, "stored 3 bytes\n".to_owned()), "{name}");
        assert_eq!(guest.send("PUT", "/a", "two").await, (200, "stored 3 bytes\n".to_owned()), "{name}");
        assert_eq!(guest.send("PUT", "/deep/b", &long).await, (200, "stored 200000 bytes\n".to_owned()), "{name}");
        assert_eq!(guest.send("PUT", "/empty", "").await, (200, "stored 0 bytes\n".to_owned()), "{name}");
        assert_eq!(guest.get("/a").await, (200, "two".to_owned()), "{name}");
        assert!(guest.get("/deep/b").await == (200, long.clone()), "{name}");
        assert_eq!(guest.get("/empty").await, (200, String::new()), "{name}");
        assert_eq!(guest.get("/").await, (200, "a\ndeep/b\nempty".to_owned()), "{name}");
        assert_eq!(guest.get("/absent").await, (500, "error: object `absent` does not exist\n".to_owned()), "{name}");
        assert_eq!(guest.send("DELETE", "/a", "").await, (200, "deleted\n".to_owned()), "{name}");
        assert_eq!(guest.send("DELETE", "/a", "").await, (200, "deleted\n".to_owned()), "{name}");
        assert_eq!(guest.get("/").await, (200, "deep/b\nempty".to_owned()), "{name}");
    }
    let file = std::fs::read(folder.path().join("blobs/files/deep/b")).unwrap();
    assert!(file == long.as_bytes());
    assert_eq!(fake.keys(), ["files/.container", "files/deep/b", "files/empty"]);
}

#[tokio::test]
async fn a_guest_of_wasmcloud_2_streams_objects() {
    let (folder, fake) = (tempfile::tempdir().unwrap(), Fake::start().await.unwrap());
    for given in [granted(), kept_in(folder.path()), s3(&fake)] {
        storage::check_of("cloud-p3", given, "blobs").await;
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_store() {
    let guest = Given::default().serve("wasmcloud-blobstore");
    assert_eq!(guest.get("/").await, (500, "error: access denied\n".to_owned()));
    storage::check_of("cloud-p3", Given::default(), "denied").await;
}

#[tokio::test]
async fn a_store_that_is_away_is_told_without_its_secrets() {
    let fake = Fake::start().await.unwrap();
    let given = s3(&fake);
    let guest = given.serve("wasmcloud-blobstore");
    assert_eq!(guest.send("PUT", "/a", "one").await.0, 200);
    drop(fake);
    assert_eq!(guest.get("/a").await, (500, "error: the storage failed\n".to_owned()));
}

/// What is said of a configuration that cannot be used, or else what the label is bound to.
fn bound(config: &str) -> Result<Vec<String>, String> {
    let mut given = granted().runtime_config(&format!("[blob_store.default]\n{config}"), Path::new("/"));
    given.bind().map_err(|error| coracle_base::chain(&error).to_string())?;
    let request = coracle_engine::GrantRequest { component: "c", grants: &given.grants, site: &given.site };
    Ok(coracle_capabilities::grants(&request)
        .unwrap()
        .iter()
        .flat_map(|grant| grant.describe())
        .filter(|line| line.contains('→'))
        .collect())
}

#[test]
fn labels_are_bound_as_the_configuration_says() {
    let key = "access_key_id = \"known\"\nsecret_access_key = \"hunter2\"";
    for (config, place) in [
        (format!("type = \"s3\"\nbucket = \"b\"\n{key}"), "s3 https://s3.us-east-1.amazonaws.com/b"),
        (
            format!("type = \"s3\"\nbucket = \"b\"\nregion = \"eu-west-1\"\nvirtual_host_style = true\n{key}"),
            "s3 https://b.s3.eu-west-1.amazonaws.com/b",
        ),
        ("type = \"s3\"\nbucket = \"b\"\nendpoint = \"http://minio:9000\"\nallow_http = true".to_owned(), "s3 http://minio:9000/b"),
        ("type = \"memory\"".to_owned(), "memory"),
    ] {
        assert_eq!(bound(&config), Ok(vec![format!("default → {place}")]));
    }
    for (config, said) in [
        ("type = \"s3\"", "missing field `bucket`"),
        ("type = \"s3\"\nbucket = \"b\"\nkey = \"x\"", "unknown field `key`"),
        ("type = \"s3\"\nbucket = \"b\"\naccess_key_id = \"known\"", "it has half of its credentials"),
        ("type = \"s3\"\nbucket = \"b\"\nendpoint = \"http://minio\"", "its endpoint is without TLS; write `allow_http = true`"),
        ("type = \"s3\"\nbucket = \"b\"\nendpoint = \"minio\"", "its endpoint names no host"),
        ("type = \"directory\"", "missing field `path`"),
        ("type = \"directory\"\npath = \"/proc/no/such\"", "the folder /proc/no/such of `[blob_store.default]`"),
        ("type = \"ftp\"", "has the type `ftp`, which is not known; use one of `directory`, `memory`, `s3`"),
    ] {
        let text = bound(config).unwrap_err();
        assert!(text.contains(said), "{text}");
    }
}
