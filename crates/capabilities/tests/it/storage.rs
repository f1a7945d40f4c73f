//! The checks of our own guest `storage-p3`, and what a runtime configuration says about stores and databases.

use std::path::Path;

use coracle_engine::{BindError, Metered};
use coracle_testkit::built;
use serde_json::json;

use crate::guest::Given;

/// Runs the check `name` of the guest; it says what is not as it should be.
async fn check(given: Given, name: &str) {
    let runnable = given.run("storage", &built("storage-p3").unwrap());
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

#[tokio::test]
async fn the_second_draft_has_batches_cursors_and_swaps() {
    let folder = tempfile::tempdir().unwrap();
    let granted = || Given::default().grant("key-value", json!(["default"]));
    let mut kept = granted();
    kept.site.state_dir = Some(folder.path().to_owned());
    for given in [granted(), kept] {
        check(given, "kv").await;
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
fn a_table_for_a_client_that_this_version_lacks_is_not_taken_for_a_mistake() {
    for table in ["outbound_mqtt", "outbound_mysql", "outbound_pg", "outbound_redis"] {
        let text = refused("key-value", &[], &format!("[{table}]\nmax_connections = 1"));
        assert_eq!(text, format!("runtime configuration: `{table}` is for a client that this version does not have; remove the table"));
    }
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
