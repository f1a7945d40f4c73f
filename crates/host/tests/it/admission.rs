//! What a component imports against what it was granted: which apps start, and what the operator is told.

use coracle_engine::Compiler;
use coracle_host::{Host, Options, Placement, Workload, WorkloadError};

/// Starts an app of one guest of this repository, with more `keys` for its component.
async fn start(guest: &str, keys: &str) -> Result<Workload, WorkloadError> {
    let manifest = format!(
        "application = {{ name = \"admission\" }}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n\
         [component.guest]\nsource = \"{guest}.wasm\"\n{keys}\n"
    );
    let folder = coracle_testkit::built_path(guest).parent().unwrap().to_owned();
    let app = coracle_app::load(&manifest, "coracle.toml", None, None).unwrap();
    let host = Host::new(Options { compiler: Compiler::InProcess, ..Options::default() }).unwrap();
    Workload::start(&host, app, Placement { folder, ..Placement::default() }).await
}

async fn told(guest: &str, keys: &str) -> Vec<String> {
    let workload = start(guest, keys).await.unwrap();
    workload
        .notices()
        .iter()
        .map(ToString::to_string)
        .filter(|notice| !notice.contains("wasi:cli") && !notice.contains("preopens"))
        .collect()
}

/// Why such an app does not start; what stands above that is its place in the manifest.
async fn refused(guest: &str, keys: &str) -> String {
    let error = start(guest, keys).await.unwrap_err();
    std::error::Error::source(&error).unwrap().to_string()
}

#[tokio::test]
async fn each_import_without_a_grant_is_told_with_the_line_that_grants_it() {
    for (guest, interface, line) in [
        ("key-value", "fermyon:spin/key-value@2.0.0", "key_value_stores = [\"default\"]"),
        ("sqlite", "fermyon:spin/sqlite@2.0.0", "sqlite_databases = [\"default\"]"),
        ("variables", "fermyon:spin/variables@2.0.0", "variables = { name = \"{{ name }}\" }"),
        ("outbound-http", "wasi:http/outgoing-handler@0.2.", "allowed_outbound_hosts = [\"https://example.com\"]"),
        ("tcp-sockets", "wasi:sockets/tcp-create-socket@0.2.", "allowed_outbound_hosts = [\"https://example.com\"]"),
    ] {
        let told = told(guest, "").await;
        let is_told = told.iter().any(|notice| {
            notice.starts_with(&format!("component `guest` imports `{interface}")) && notice.ends_with(&format!("to allow it add `{line}`"))
        });
        assert!(is_told, "{guest}: {told:?}");
    }
    let granted = told("key-value", "key_value_stores = [\"default\"]").await;
    assert!(!granted.iter().any(|notice| notice.contains("key-value")), "{granted:?}");
}

#[tokio::test]
async fn strictness_refuses_what_is_not_granted_and_not_what_every_toolchain_imports() {
    const STRICT: &str = "strict_imports = true";
    assert_eq!(
        refused("key-value", STRICT).await,
        "component `guest` imports `fermyon:spin/key-value@2.0.0` without a grant, and has `strict_imports = true`; add \
         `key_value_stores = [\"default\"]` to its manifest"
    );
    let granted = format!("{STRICT}\nkey_value_stores = [\"default\"]");
    start("key-value", &granted).await.unwrap();
    let lacking = refused("lacking", STRICT).await;
    assert!(
        lacking.contains("imports `wasmcloud:identity/store@0.0.1` without a grant") && lacking.ends_with("remove the import"),
        "{lacking}"
    );
    // It imports an environment and directories, which are empty.
    start("hello-p2", STRICT).await.unwrap();
}

#[tokio::test]
async fn what_this_version_lacks_is_told() {
    let told = told("lacking", "").await;
    let expected = "component `guest` imports `wasmcloud:identity/store@0.0.1`, which this version does not have; each call is denied";
    assert!(told.iter().any(|notice| notice == expected), "{told:?}");
}

#[tokio::test]
async fn an_import_that_nobody_knows_is_refused_by_name() {
    let unknown = refused("dependent", "strict_imports = false").await;
    assert_eq!(
        unknown,
        "component `guest` imports `coracle:test/probe@1.0.0`, which this host does not have; `coracle capabilities` lists what there is"
    );
}
