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

/// wadm's manifest of the blob guest; `link` is what its link has more.
fn blobs_of_wadm(link: &str) -> String {
    format!(
        "
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: files
spec:
  components:
    - name: blobby
      type: component
      properties: {{ image: \"file://wasmcloud-blobstore.wasm\" }}
      traits:
        - type: link
          properties: {{ target: blobstore-fs, namespace: wasi, package: blobstore, interfaces: [blobstore]{link} }}
    - name: blobstore-fs
      type: capability
      properties: {{ image: \"ghcr.io/wasmcloud/blobstore-fs:0.10.0\" }}
    - name: httpserver
      type: capability
      properties: {{ image: \"ghcr.io/wasmcloud/http-server:0.23.2\" }}
      traits:
        - type: link
          properties: {{ target: blobby, namespace: wasi, package: http, interfaces: [incoming-handler] }}
"
    )
}

/// The same as a `WorkloadDeployment`; `interface` is what its interface of blobs has more.
fn blobs_of_workload(interface: &str) -> String {
    format!(
        "
apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: WorkloadDeployment
metadata:
  name: files
spec:
  template:
    spec:
      components:
        - {{ name: blobby, image: \"file://wasmcloud-blobstore.wasm\" }}
      hostInterfaces:
        - {{ namespace: wasi, package: http, interfaces: [incoming-handler] }}
        - {{ namespace: wasi, package: blobstore, interfaces: [blobstore, container, types]{interface} }}
"
    )
}

/// A program that serves the blob guest by the manifest `name`.
fn blobs(name: &str, text: &str, arguments: &[&str]) -> (App, crate::support::Serving) {
    let app = App::new();
    app.fixture("wasmcloud-blobstore");
    app.file(name, text);
    app.file("runtime.toml", "[blob_store.archive]\ntype = \"memory\"\n");
    let serving = app.up(&[&[name], arguments].concat());
    (app, serving)
}

/// Stores, lists, reads and deletes.
#[track_caller]
fn keeps_objects(serving: &crate::support::Serving) {
    let put = |path: &str, body: &[u8]| crate::support::ask(&serving.address, "PUT", path, &[], body).text();
    let long = vec![b'x'; 100_000];
    assert_eq!(put("/a", b"one"), "stored 3 bytes\n");
    assert_eq!(put("/deep/b", &long), "stored 100000 bytes\n");
    assert_eq!(serving.get("/"), (200, "a\ndeep/b".to_owned()));
    assert_eq!(serving.get("/a"), (200, "one".to_owned()));
    assert!(serving.get("/deep/b").1.as_bytes() == long);
    assert_eq!(crate::support::ask(&serving.address, "DELETE", "/a", &[], b"").text(), "deleted\n");
    assert_eq!(serving.get("/"), (200, "deep/b".to_owned()));
}

#[test]
fn manifests_of_both_generations_keep_objects_in_a_folder_or_in_memory() {
    for (name, usual, labelled) in [
        ("wadm.yaml", blobs_of_wadm(""), blobs_of_wadm(", name: archive")),
        ("workload.yaml", blobs_of_workload(""), blobs_of_workload(", name: archive")),
    ] {
        let (app, serving) = blobs(name, &usual, &["--quiet"]);
        keeps_objects(&serving);
        assert!(serving.stop().success());
        assert_eq!(app.read(".coracle/blobs/files/deep/b").len(), 100_000, "{name}");
        assert_eq!(app.up(&[name, "--quiet"]).get("/"), (200, "deep/b".to_owned()), "{name}: the folder outlives the server");

        let (app, serving) = blobs(name, &labelled, &["--runtime-config-file", "runtime.toml"]);
        let row = serving.line(|line| line.contains('→'));
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["blobby", "blob-store", "archive", "→", "memory"], "{name}");
        keeps_objects(&serving);
        assert!(!app.path(".coracle/blobs").exists(), "{name}");
    }
}

#[test]
fn what_a_manifest_does_not_link_is_denied_and_what_has_no_backend_does_not_start() {
    let link = blobs_of_wadm("").replace("package: blobstore, interfaces: [blobstore]", "package: keyvalue, interfaces: [store]");
    let interface = blobs_of_workload("")
        .replace("package: blobstore, interfaces: [blobstore, container, types]", "package: keyvalue, interfaces: [store]");
    for (name, text) in [("wadm.yaml", link), ("workload.yaml", interface)] {
        let (_app, serving) = blobs(name, &text, &["--quiet"]);
        assert_eq!(serving.get("/"), (500, "error: access denied\n".to_owned()), "{name}");
    }
    for (name, text) in [("wadm.yaml", blobs_of_wadm(", name: lost")), ("workload.yaml", blobs_of_workload(", name: lost"))] {
        let app = App::new();
        app.fixture("wasmcloud-blobstore");
        app.file(name, &text);
        let refusal = app.refusal(&["up", name]);
        assert!(refusal.contains("add `[blob_store.lost]` to the runtime configuration"), "{refusal}");
    }
}

#[test]
fn a_component_chooses_at_run_time_among_the_links_of_its_manifest() {
    let backup = "        - type: link\n          properties: { target: kvredis, namespace: wasi, package: keyvalue, interfaces: [atomics, store], name: backup }\n";
    let wadm =
        WADM.replace("wasmcloud-counter.wasm", "bus.wasm").replacen("    - name: kvredis\n", &format!("{backup}    - name: kvredis\n"), 1);
    let workload = WORKLOAD.replace("wasmcloud-counter.wasm", "bus.wasm").replace(", config: { host: counting.example }", "")
        + "        - { namespace: wasi, package: keyvalue, interfaces: [store, atomics], name: backup }\n";
    for (name, text) in [("wadm.yaml", wadm), ("workload.yaml", workload)] {
        let app = App::new();
        std::fs::copy(coracle_testkit::built_path("examples/bus"), app.path("bus.wasm")).unwrap();
        app.file(name, &text);
        app.file("runtime.toml", "[key_value_store.backup]\ntype = \"memory\"\n");
        let serving = app.up(&[name, "--quiet", "--runtime-config-file", "runtime.toml"]);
        for (path, answer) in [
            ("/a", "visit 1 of /a by default\n"),
            ("/a", "visit 2 of /a by default\n"),
            ("/a?backup", "visit 1 of /a by backup\n"),
            ("/a", "visit 3 of /a by default\n"),
            ("/a?backup", "visit 2 of /a by backup\n"),
            ("/a?lost", "it failed: `wasi:keyvalue/store` has no link `lost`; grant the component that label\n"),
            ("/a", "visit 4 of /a by default\n"),
        ] {
            assert_eq!(serving.get(path), (200, answer.to_owned()), "{name}");
        }
        let inspected = String::from_utf8(app.output(&["inspect", name]).stdout).unwrap();
        let row = inspected.lines().find(|line| line.contains("wasmcloud:bus/lattice@2.0.1")).unwrap();
        assert!(!row.contains("unavailable"), "{row}");
    }
}

#[test]
fn manifests_of_both_generations_let_a_component_publish() {
    let wadm = WADM.replace("wasmcloud-counter.wasm", "messaging.wasm").replace(
        "namespace: wasi, package: keyvalue, interfaces: [atomics, store]",
        "namespace: wasmcloud, package: messaging, interfaces: [consumer]",
    );
    let workload =
        WORKLOAD.replace("wasmcloud-counter.wasm", "messaging.wasm").replace(", config: { host: counting.example }", "").replace(
            "namespace: wasi, package: keyvalue, interfaces: [store, atomics]",
            "namespace: wasmcloud, package: messaging, interfaces: [consumer]",
        );
    for (name, text) in [("wadm.yaml", wadm), ("workload.yaml", workload)] {
        let app = App::new();
        std::fs::copy(coracle_testkit::built_path("examples/messaging"), app.path("messaging.wasm")).unwrap();
        app.file(name, &text);
        let serving = app.up(&[name]);
        let row = serving.line(|line| line.contains('→'));
        assert_eq!(row.split_whitespace().take(5).collect::<Vec<_>>(), ["counter", "messaging", "default", "→", "memory,"], "{name}");
        assert_eq!(serving.get("/a"), (200, "published to orders.a\n".to_owned()), "{name}");
    }
}
