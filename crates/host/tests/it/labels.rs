//! Interfaces that a component imports under labels: which backend a label means, and what is refused.

use std::sync::Arc;

use coracle_capabilities::resolver::{AppVariables, Declared};
use coracle_engine::{Compiler, Metered, RuntimeConfig, Site};
use coracle_host::{Host, Options, Placement, Workload, WorkloadError};
use coracle_testkit::{LABELLED_SECRETS, LABELLED_STORES};
use wasmtime::component::{ComponentNamedList, Lift, Lower};

const BACKENDS: &str = "[key_value_store.cache]\ntype = \"memory\"\n[key_value_store.sessions]\ntype = \"memory\"\n";

/// Starts an app of the component `wat`, with more `keys` for it.
async fn start(wat: &str, keys: &str) -> Result<Workload, WorkloadError> {
    let manifest = format!(
        "application = {{ name = \"labels\" }}\n[variables]\napi_token = {{ default = \"c4n4ry\", secret = true }}\n\
         key = {{ default = \"k3y\", secret = true }}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n\
         [component.guest]\nsource = \"guest.wat\"\n{keys}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("guest.wat"), wat).unwrap();
    let app = coracle_app::load(&manifest, "coracle.toml", None, None).unwrap();
    let mut site = Site::default();
    let declare = |value: &str| Declared { default: Some(value.into()), required: false, secret: true };
    let declared = [("api_token", "c4n4ry"), ("key", "k3y")].map(|(name, value)| (name.to_owned(), declare(value)));
    site.share(Arc::new(AppVariables { declared: declared.into(), ..AppVariables::default() }));
    let config = RuntimeConfig::new(toml::from_str(BACKENDS).unwrap(), None);
    let host = Host::new(Options { compiler: Compiler::InProcess, ..Options::default() }).unwrap();
    Workload::start(&host, app, Placement { folder: folder.path().to_owned(), site, config, ..Placement::default() }).await
}

/// Starts an app of a component that passes on what a dependency of [`LABELLED_STORES`] tells, which has `inherit` in its line.
async fn start_composed(inherit: &str) -> Workload {
    let ty = "(param \"identifier\" string) (param \"key\" string) (result u32)";
    let socket = format!("(component (import \"cache-has\" (func $has {ty})) (export \"cache-has\" (func $has)))");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dependency.wat"), LABELLED_STORES).unwrap();
    let path = folder.path().join("dependency.wat");
    let dependency = format!("[component.guest.dependencies]\n\"cache-has\" = {{ path = \"{}\"{inherit} }}", path.display());
    start(&socket, &format!("key_value_stores = [\"cache\", \"sessions\"]\n{dependency}")).await.unwrap()
}

/// Why such an app does not start.
async fn refused(wat: &str, keys: &str) -> String {
    coracle_base::chain(&start(wat, keys).await.unwrap_err()).to_string()
}

/// Calls a function of the guest, in an instance of its own.
async fn call<P, R>(workload: &Workload, name: &str, arguments: P) -> R
where
    P: ComponentNamedList + Lower + Send + Sync + 'static,
    (R,): ComponentNamedList + Lift + Send + Sync,
    R: Send + Sync + 'static,
{
    let runnable = workload.runnables().next().unwrap();
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        let function = instance.get_typed_func::<P, (R,)>(&mut store, name)?;
        match runnable.generation() {
            coracle_engine::Generation::P2 => function.call_async(&mut store, arguments).await,
            coracle_engine::Generation::P3 => store.run_concurrent(async |guest| function.call_concurrent(guest, arguments).await).await?,
        }
    };
    Metered::new(calling, meter).await.unwrap().unwrap().0
}

const NO: u32 = 0;
const YES: u32 = 1;
const CLOSED: u32 = 2;

async fn store(workload: &Workload, function: &str, identifier: &str, key: &str) -> u32 {
    call(workload, function, (identifier.to_owned(), key.to_owned())).await
}

#[tokio::test]
async fn two_labels_of_one_interface_are_two_stores() {
    let workload = start(LABELLED_STORES, "key_value_stores = [\"cache\", \"sessions\"]").await.unwrap();
    assert_eq!(workload.notices(), []);
    assert_eq!(store(&workload, "cache-put", "", "a").await, YES);
    assert_eq!(store(&workload, "sessions-put", "default", "b").await, YES);
    for (function, key, expected) in
        [("cache-has", "a", YES), ("cache-has", "b", NO), ("sessions-has", "a", NO), ("sessions-has", "b", YES)]
    {
        assert_eq!(store(&workload, function, "", key).await, expected, "{function} {key}");
    }
    // A label is all that its import opens, also where the component has more.
    assert_eq!(store(&workload, "cache-has", "cache", "a").await, YES);
    assert_eq!(store(&workload, "cache-has", "sessions", "b").await, CLOSED);
    assert_eq!(store(&workload, "cache-has", "other", "a").await, CLOSED);
}

#[tokio::test]
async fn a_label_without_a_grant_is_denied_and_told() {
    let workload = start(LABELLED_STORES, "key_value_stores = [\"cache\"]").await.unwrap();
    let told: Vec<_> = workload.notices().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["component `guest` imports `sessions: wasi:keyvalue/store@0.2.0-draft` without a grant; to allow it add \
          `key_value_stores = [\"sessions\"]`"]
    );
    assert_eq!(store(&workload, "cache-put", "", "a").await, YES);
    assert_eq!(store(&workload, "sessions-has", "", "a").await, CLOSED);
    assert_eq!(store(&workload, "sessions-has", "cache", "a").await, CLOSED);
    let error = refused(LABELLED_STORES, "strict_imports = true\nkey_value_stores = [\"cache\"]").await;
    assert!(error.contains("imports `sessions: wasi:keyvalue/store@0.2.0-draft` without a grant"), "{error}");
    let ungranted = start(LABELLED_STORES, "").await.unwrap();
    assert_eq!(ungranted.notices().len(), 2);
    assert_eq!(store(&ungranted, "cache-has", "", "a").await, CLOSED);
}

#[tokio::test]
async fn the_label_of_a_secret_is_its_name() {
    let keys = "capabilities = { secrets = { api-token = \"api_token\", signing-key = \"key\" } }";
    let workload = start(LABELLED_SECRETS, keys).await.unwrap();
    assert_eq!(workload.notices(), []);
    assert_eq!(call::<_, String>(&workload, "read-api-token", ()).await, "c4n4ry");
    assert_eq!(call::<_, String>(&workload, "read-signing-key", ()).await, "k3y");
}

#[tokio::test]
async fn a_secret_that_is_not_granted_is_refused_at_load() {
    for (keys, secret, line) in [
        ("capabilities = { secrets = { api-token = \"api_token\" } }", "signing-key", "{ signing-key = \"signing_key\" }"),
        ("", "api-token", "{ api-token = \"api_token\" }"),
    ] {
        let error = refused(LABELLED_SECRETS, keys).await;
        let import = format!("imports `{secret}: wasmcloud:secrets/secret@2.1.0` and cannot run without it, and `{secret}` is not granted");
        let remedy = format!("add `capabilities = {{ secrets = {line} }}` to its manifest");
        assert!(error.contains(&import) && error.contains(&remedy), "{error}");
    }
    let undeclared = "capabilities = { secrets = { api-token = \"api_token\", signing-key = \"absent\" } }";
    let error = refused(LABELLED_SECRETS, undeclared).await;
    assert!(error.contains("the secret `absent` is no variable of the application"), "{error}");
}

#[tokio::test]
async fn what_has_no_use_for_a_label_or_is_unknown_is_refused_by_both_names() {
    let import = |label: &str, interface: &str| {
        format!("(component (import \"{label}\" (implements \"{interface}\") (instance (export \"f\" (func)))))")
    };
    for (interface, expected) in [
        ("acme:cache/store@1.0.0", "imports `mine: acme:cache/store@1.0.0`, which this host does not have"),
        ("wasi:keyvalue/store@0.2.0-draft9", "imports `mine: wasi:keyvalue/store@0.2.0-draft9`, which this host does not have"),
        (
            "wasi:clocks/wall-clock@0.2.6",
            "imports `mine: wasi:clocks/wall-clock@0.2.6` under a label, and this host has that interface only",
        ),
    ] {
        let error = refused(&import("mine", interface), "").await;
        assert!(error.contains(expected), "{error}");
    }
    let many: String = (0..33)
        .map(|at| format!("(import \"l{at}\" (implements \"wasi:keyvalue/store@0.2.0-draft\") (instance (export \"f\" (func))))"))
        .collect();
    let error = refused(&format!("(component {many})"), "").await;
    assert!(error.contains("has 33 imports under a label; 32 are possible"), "{error}");
}

#[tokio::test]
async fn a_dependency_has_its_labels_only_where_it_inherits_their_grant() {
    for (inherit, expected) in
        [("", CLOSED), (", inherit_configuration = [\"files\"]", CLOSED), (", inherit_configuration = [\"key_value_stores\"]", NO)]
    {
        let workload = start_composed(inherit).await;
        assert_eq!(workload.notices(), [], "{inherit}");
        assert_eq!(store(&workload, "cache-has", "", "a").await, expected, "{inherit}");
    }
}
