//! Components that were built for wasmCloud, as they are.

use coracle_testkit::{LABELLED_SECRETS, LABELLED_STORES};

use crate::support::{App, manifest};

/// A manifest of one component on every path, as short as it can be.
const MANIFEST: &str = "
application = { name = \"counting\" }

[[trigger.http]]
route = \"/...\"
component = \"counter\"

[component.counter]
source = \"wasmcloud-counter.wasm\"
key_value_stores = [\"default\"]
variables = { greeting = \"hello\" }
";

#[test]
fn a_component_alone_starts_and_is_denied_what_it_was_not_granted() {
    let app = App::new();
    app.fixture("wasmcloud-counter");
    let serving = app.up(&["wasmcloud-counter.wasm"]);
    assert_eq!(serving.get("/a"), (200, "open: Error::AccessDenied\n".to_owned()));
}

#[test]
fn a_small_manifest_gives_it_a_store_and_its_configuration() {
    let app = App::new();
    app.fixture("wasmcloud-counter");
    app.file("coracle.toml", MANIFEST);
    let count = |serving: &crate::support::Serving| serving.get("/a").1;
    let first = app.up(&[]);
    assert_eq!(count(&first), "Counter /a: Ok(1) keys=Ok([\"/a\"]) greeting=Ok(Some(\"hello\"))\n");
    assert!(first.stop().success());
    assert!(count(&app.up(&[])).starts_with("Counter /a: Ok(2)"), "the store outlives the server");
}

/// A manifest of wadm as its users have them.
const WADM: &str = "
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: counting
spec:
  components:
    - name: counter
      type: component
      properties:
        image: file://wasmcloud-counter.wasm
        config:
          - name: words
            properties: { greeting: hello }
      traits:
        - type: spreadscaler
          properties: { instances: 100 }
        - type: link
          properties: { target: kvredis, namespace: wasi, package: keyvalue, interfaces: [atomics, store] }
    - name: kvredis
      type: capability
      properties: { image: ghcr.io/wasmcloud/keyvalue-redis:0.28.2 }
    - name: httpserver
      type: capability
      properties: { image: ghcr.io/wasmcloud/http-server:0.23.2 }
      traits:
        - type: link
          properties: { target: counter, namespace: wasi, package: http, interfaces: [incoming-handler] }
";

const WORKLOAD: &str = "
apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: WorkloadDeployment
metadata:
  name: counting
spec:
  template:
    spec:
      components:
        - name: counter
          image: file://wasmcloud-counter.wasm
          localResources:
            config: { greeting: hello }
      hostInterfaces:
        - { namespace: wasi, package: http, interfaces: [incoming-handler], config: { host: counting.example } }
        - { namespace: wasi, package: keyvalue, interfaces: [store, atomics] }
";

#[test]
fn manifests_of_both_generations_are_served_checked_and_inspected() {
    for (name, text) in [("wadm.yaml", WADM), ("workload.yaml", WORKLOAD)] {
        let app = App::new();
        app.fixture("wasmcloud-counter");
        app.file(name, text);
        let serving = app.up(&[name, "--quiet"]);
        let answer = crate::support::ask(&serving.address, "GET", "/a", &[("host", "counting.example")], b"");
        assert_eq!(answer.text(), "Counter /a: Ok(1) keys=Ok([\"/a\"]) greeting=Ok(Some(\"hello\"))\n", "{name}");
        assert!(serving.stop().success());
        assert!(app.path(".coracle/sqlite_key_value.db").exists(), "{name}");

        let output = app.output(&["check", "--strict", name]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{name} is valid\n"));
        let inspected = String::from_utf8(app.output(&["inspect", name]).stdout).unwrap();
        assert!(inspected.contains("wasi:keyvalue/store@0.2.0-draft"), "{name}: {inspected}");
    }
}

#[test]
fn one_wadm_manifest_runs_in_memory_or_on_a_file_by_runtime_configuration_alone() {
    let app = App::new();
    app.fixture("wasmcloud-counter");
    app.file("wadm.yaml", WADM);
    app.file("runtime.toml", "[key_value_store.default]\ntype = \"memory\"\n");
    let serving = app.up(&["wadm.yaml", "--runtime-config-file", "runtime.toml"]);
    let row = serving.line(|line| line.contains('→'));
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["counter", "key-value", "default", "→", "memory"]);
    assert!(serving.get("/a").1.starts_with("Counter /a: Ok(1)"));
}

#[test]
fn imports_under_labels_are_inspected_and_checked_by_their_labels() {
    let app = App::new();
    app.file("stores.wat", LABELLED_STORES);
    app.file("secrets.wat", LABELLED_SECRETS);
    let text = manifest("stores", "key_value_stores = [\"cache\"]\n").replace("stores.wasm", "stores.wat");
    app.file("spin.toml", &text);
    let inspected = String::from_utf8(app.output(&["inspect", "--no-compile"]).stdout).unwrap();
    let row = |label: &str| inspected.lines().find(|line| line.contains(&format!("{label}: wasi:keyvalue/store@0.2.0-draft"))).unwrap();
    assert!(row("cache").ends_with("granted by `key-value`"), "{inspected}");
    assert!(row("sessions").ends_with("denied; to allow it add key_value_stores = [\"sessions\"]"), "{inspected}");

    app.file("spin.toml", &manifest("secrets", "").replace("secrets.wasm", "secrets.wat"));
    let refusal = app.refusal(&["check"]);
    let told = "imports `api-token: wasmcloud:secrets/secret@2.1.0` without a grant, and does not load without it; add capabilities = { \
                secrets = { api-token = \"api_token\" } }";
    assert!(refusal.contains(told), "{refusal}");
}
