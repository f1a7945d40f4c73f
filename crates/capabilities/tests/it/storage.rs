//! The checks of our own guest `storage-p3`, and what a runtime configuration says about stores and databases.

use std::path::Path;

use coracle_engine::{BindError, Metered};
use coracle_testkit::built;
use coracle_testkit::servers::{self, Server};
use serde_json::json;

use crate::guest::Given;

async fn check(given: Given, name: &str) {
    check_of("storage-p3", given, name).await;
}

/// Runs the check `name` of `guest`; it says what is not as it should be.
pub(crate) async fn check_of(guest: &str, given: Given, name: &str) {
    let runnable = given.run("storage", &built(guest).unwrap());
    let mut store = runnable.store().unwrap();
    let meter = std::sync::Arc::clone(store.data().meter());
    let running = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        let export = instance.get_typed_func::<(), (Result<(), String>,)>(&mut store, name)?;
        store.run_concurrent(async |guest| export.call_concurrent(guest, ()).await).await?
    };
    let (answer,) = Metered::new(running, meter).await.unwrap().unwrap();
    assert_eq!(answer, Ok(()));
}

#[tokio::test]
async fn sqlite_3_1_streams_rows_and_stops_with_its_reader() {
    check(Given::default().grant("sqlite", json!(["default"])), "sql").await;
}

/// What is granted the store `default`.
fn granted() -> Given {
    Given::default().grant("key-value", json!(["default"]))
}

/// The same, in a file below `folder`.
fn kept(folder: &Path) -> Given {
    let mut given = granted();
    given.site.state_dir = Some(folder.to_owned());
    given
}

/// The same, in a server.
fn served(kind: &str, server: &Server) -> Given {
    let config = format!("[key_value_store.default]\ntype = \"{kind}\"\nurl = \"{kind}://{}\"", server.place().address());
    granted().runtime_config(&config, Path::new("/"))
}

#[tokio::test]
async fn the_second_draft_has_batches_cursors_and_swaps() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, nats) = (servers::redis::start().unwrap(), servers::nats::start().unwrap());
    for given in [granted(), kept(folder.path()), served("redis", &redis), served("nats", &nats)] {
        check(given, "kv").await;
    }
}

#[tokio::test]
async fn wasmclouds_own_interface_has_prefixes_swaps_and_words_for_errors() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, nats) = (servers::redis::start().unwrap(), servers::nats::start().unwrap());
    for given in [granted(), kept(folder.path()), served("redis", &redis), served("nats", &nats)] {
        check(given, "wasmcloud-kv").await;
    }
}

#[tokio::test]
async fn values_of_wasmclouds_own_interface_end() {
    let folder = tempfile::tempdir().unwrap();
    let redis = servers::redis::start().unwrap();
    for given in [granted(), kept(folder.path()), served("redis", &redis)] {
        check(given, "wasmcloud-kv-ends").await;
    }
}

fn bound(grant: &str, labels: &[&str], config: &str, folder: &Path) -> Result<Vec<String>, BindError> {
    let mut given = Given::default().grant(grant, json!(labels)).runtime_config(config, folder);
    given.bind()?;
    let request = coracle_engine::GrantRequest { component: "c", grants: &given.grants, site: &given.site };
    let grants = coracle_capabilities::grants(&request).unwrap();
    Ok(grants.iter().flat_map(|grant| grant.describe()).filter(|line| line.contains('→')).collect())
}

#[track_caller]
fn refused(grant: &str, labels: &[&str], config: &str) -> String {
    let error = bound(grant, labels, config, Path::new("/")).unwrap_err();
    coracle_base::chain(&error).to_string()
}

#[test]
fn labels_are_bound_as_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let config = "
        [key_value_store.one]
        type = \"spin\"
        path = \"data/kv.db\"
        [key_value_store.two]
        type = \"sqlite\"
        path = \"data/../data/kv.db\"
        [key_value_store.three]
        type = \"memory\"
        [sqlite_database.one]
        type = \"spin\"
        path = \"data/sql.db\"
    ";
    let lines = bound("key-value", &["one", "two", "three", "default"], config, folder.path()).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        lines,
        [
            "default → memory".to_owned(),
            format!("one → sqlite {}", at("data/kv.db")),
            "three → memory".to_owned(),
            format!("two → sqlite {}", at("data/../data/kv.db")),
        ]
    );
    let lines = bound("sqlite", &["one", "default"], config, folder.path()).unwrap();
    assert_eq!(lines, ["default → memory".to_owned(), format!("one → {}", at("data/sql.db"))]);
    assert!(folder.path().join("data/kv.db").is_file() && folder.path().join("data/sql.db").is_file());
}

#[test]
fn nothing_is_made_for_a_label_that_nobody_was_granted() {
    let folder = tempfile::tempdir().unwrap();
    let config = "key_value_store.x = { type = \"spin\", path = \"kv.db\" }\nsqlite_database.x = { type = \"spin\", path = \"sql.db\" }";
    bound("key-value", &["default"], config, folder.path()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_bound_is_named_with_a_way_out() {
    for (grant, table) in [("key-value", "key_value_store"), ("sqlite", "sqlite_database")] {
        let text = refused(grant, &["missing"], "");
        assert_eq!(text, format!("`missing` under `{grant}` has no backend; add `[{table}.missing]` to the runtime configuration"));
        let text = refused(grant, &["x"], &format!("[{table}.x]\ntype = \"spin\"\npath = \"/proc/no/such.db\""));
        assert!(text.contains("/proc/no/such.db") && text.contains("name another place"), "{text}");
        let text = refused(grant, &["x"], &format!("[{table}.x]\ntype = \"spin\"\nurl = \"x\""));
        assert!(text.starts_with(&format!("runtime configuration: `{table}.x` is not understood: unknown field `url`")), "{text}");
        let text = refused(grant, &[], &format!("[{table}.x]\ntype = \"etcd\""));
        assert!(text.starts_with(&format!("`[{table}.x]` has the type `etcd`, which is not known; use one of `spin`, ")), "{text}");
    }
    let text = refused("key-value", &[], "[key_value_store.x]\ntype = \"azure_cosmos\"");
    assert!(text.starts_with("`[key_value_store.x]` has the type `azure_cosmos`, which this version does not have; use one of "), "{text}");
}

#[test]
fn servers_are_bound_without_being_reached_and_shown_without_secrets() {
    let config = "
        [key_value_store.cache]
        type = \"redis\"
        url = \"redis://me:hunter2@cache.example/2\"
        [key_value_store.other]
        type = \"redis\"
        url = \"rediss://cache.example:7000\"
        prefix = \"other:\"
        [key_value_store.bucket]
        type = \"nats\"
        url = \"nats://me:hunter2@nats.example\"
        [outbound_redis]
        max_connections = 3
    ";
    let lines = bound("key-value", &["cache", "other", "bucket"], config, Path::new("/")).unwrap();
    assert_eq!(
        lines,
        [
            "bucket → nats nats://nats.example bucket bucket",
            "cache → redis redis://cache.example/2",
            "other → redis rediss://cache.example:7000 (keys `other:…`)",
        ]
    );
}

#[test]
fn labels_do_not_share_a_database_of_redis_by_mistake() {
    let two = |one: &str, two: &str| {
        let label = |name: &str, more: &str| format!("[key_value_store.{name}]\ntype = \"redis\"\nurl = \"redis://h\"\n{more}\n");
        format!("{}{}", label("one", one), label("two", two))
    };
    for (one, other) in [("", ""), ("", "prefix = \"a\""), ("prefix = \"ab\"", "prefix = \"a\""), ("", "prefix = \"\"")] {
        let text = refused("key-value", &["one", "two"], &two(one, other));
        assert!(
            text.starts_with("`[key_value_store.two]`: `two` would see the keys of `one` in redis://h; give each a `prefix`"),
            "{text}"
        );
    }
    for (one, other) in [("prefix = \"a:\"", "prefix = \"b:\""), ("prefix = \"\"", "prefix = \"\"")] {
        bound("key-value", &["one", "two"], &two(one, other), Path::new("/")).unwrap();
    }
}

#[test]
fn mistakes_in_the_tables_of_servers_are_named() {
    for (kind, lines, expected) in [
        ("redis", "", "missing field `url`"),
        ("redis", "url = \"redis://:hunter2@h/x\"", "its `url` is not understood: its user, database or protocol is not understood"),
        ("redis", "url = \"unix:///run/redis.sock\"", "does not begin with `redis://` or `rediss://`; correct it"),
        ("redis", "url = \"redis://h\"\nbucket = \"b\"", "unknown field `bucket`"),
        ("redis", "url = \"rediss://h\"\nca_roots_file = \"/proc/none.pem\"", "name certificates as PEM in `ca_roots_file`"),
        ("nats", "url = \"http://h\"", "its `url` is not understood; write `nats://host:port`"),
        ("nats", "url = \"ws://h\"", "is not one of `nats://` and `tls://`"),
        ("nats", "url = \"nats://h\"\nbucket = \"a.b\"", "`a.b` is no name of a bucket"),
        ("nats", "url = \"nats://u:hunter2@h\"\ntoken = \"t\"", "it has more than one of `token`, `credentials` and a user in `url`"),
        ("nats", "url = \"nats://h\"\ncredentials = \"/proc/none.creds\"", "/proc/none.creds, the `credentials` of"),
    ] {
        let text = refused("key-value", &["x"], &format!("[key_value_store.x]\ntype = \"{kind}\"\n{lines}"));
        assert!(text.contains(expected) && !text.contains("hunter2"), "{lines}: {text}");
    }
    let text = refused("key-value", &[], "[outbound_redis]\nmax = 1");
    assert!(text.starts_with("runtime configuration: `outbound_redis` is not understood: unknown field `max`"), "{text}");
}

#[test]
fn either_version_3_of_sqlite_links_without_async() {
    for version in ["3.0.0", "3.1.0"] {
        let import =
            format!(r#"(component (import "spin:sqlite/sqlite@{version}" (instance (export "connection" (type (sub resource))))))"#);
        let runnable = Given::default().run("importer", &wat::parse_str(import).unwrap());
        assert_eq!(runnable.generation(), coracle_engine::Generation::P2);
    }
}
