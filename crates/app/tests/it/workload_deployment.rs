//! wasmCloud's `WorkloadDeployment`: what it becomes, and what is said about what cannot be.

use coracle_app::{App, FileMount, Format, InstancePolicy, Source};
use expect_test::{Expect, expect};
use serde_json::json;

use crate::check::{app, errors, warnings};

const SHOP: &str = include_str!("manifests/workload.yaml");

#[test]
fn host_interfaces_become_grants_labels_and_routes() {
    let App { name, format, components, triggers, warnings, .. } = app("workload.yaml", SHOP);
    assert_eq!((name.as_str(), format), ("shop", Format::WorkloadDeployment));
    let web = &components[0];
    assert_eq!(web.source, Source::Path("web.wasm".to_owned()));
    assert_eq!(web.grants["key-value"], json!(["default", "cache"]));
    assert_eq!(web.grants["postgres"], json!(["orders"]));
    assert_eq!(web.grants["messaging"], json!(["default"]));
    assert_eq!(web.grants["variables"], json!({ "region": "eu-central" }));
    assert_eq!(web.grants["environment"], json!({ "LANG": "de" }));
    assert_eq!(web.grants["outbound-hosts"], json!(["http://api.example.com", "https://api.example.com", "https://*.example.org"]));
    assert_eq!(web.limits.memory_bytes, Some(64 << 20));
    assert!(matches!(web.instances, InstancePolicy::Reuse { requests_max: 100, .. }));
    let mount = FileMount::Mount { source: "files".to_owned(), destination: "/assets".to_owned(), writable: false };
    assert_eq!(web.files, [mount]);
    assert_eq!(triggers[0].config, json!({ "route": "/...", "host": ["shop.example", "www.shop.example", "shop.test"] }));
    assert_eq!(warnings, []);
}

/// The same with one line changed.
#[track_caller]
fn refused(line: &str, other: &str, expected: Expect) {
    assert!(SHOP.contains(line), "{line}");
    errors("workload.yaml", &SHOP.replace(line, other), expected);
}

#[track_caller]
fn warned(line: &str, other: &str, expected: Expect) {
    assert!(SHOP.contains(line), "{line}");
    warnings("workload.yaml", &SHOP.replace(line, other), expected);
}

#[test]
fn what_needs_a_cluster_is_refused_by_name() {
    refused(
        "image: file://web.wasm",
        "image: ghcr.io/acme/web:1.0",
        expect![[r#"
            workload.yaml:16:18: the image `ghcr.io/acme/web:1.0` is in a registry, and this version reads files only
              help: fetch it (`wash oci pull`), and write `file://` and the path of the WebAssembly file, from this manifest's folder"#]],
    );
    refused(
        "config: { LANG: de }",
        "secretFrom: [{ name: keys }]",
        expect![[r#"
            workload.yaml:25:15: `secretFrom` is not supported
              help: give the values to the program: `--env`, `--variable`, or a variable provider"#]],
    );
    refused(
        "cpuLimit: -1",
        "allowedIpNameLookups: [db]",
        expect![[r#"
            workload.yaml:22:13: `allowedIpNameLookups` is not supported
              help: name the servers in `allowedHosts`, or in `allowed_outbound_hosts` of a coracle.toml"#]],
    );
    refused(
        "      components:\n",
        "      service: { image: file://s.wasm }\n      components:\n",
        expect![[r#"
            workload.yaml:14:7: `service` needs a cluster of wasmCloud
              help: leave it out: what runs all the time is no application of this host"#]],
    );
    refused(
        "hostPath: { path: files }",
        "ephemeral: {}",
        expect![[r#"
            workload.yaml:30:11: the volume `assets` is no folder of the host
              help: name a folder: `hostPath: { path: data }`"#]],
    );
    refused(
        "{ name: assets, mountPath",
        "{ name: other, mountPath",
        expect![[r#"
            workload.yaml:28:25: there is no volume `other`
              help: add it to `volumes`"#]],
    );
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    refused(
        "cpuLimit: -1",
        "cpuLimit: 2",
        expect![[r#"
            workload.yaml:22:23: `cpuLimit` does not say what it counts
              help: remove it, or write `limits = { cpu = "1s" }` in a coracle.toml"#]],
    );
    refused(
        "interfaces: [consumer]",
        "interfaces: [consumer, handler]",
        expect![[r#"
            workload.yaml:40:44: `wasmcloud:messaging/handler` calls a component, and this version has no trigger for it
              help: remove the interface; HTTP requests are what wakes components here"#]],
    );
    refused(
        "interfaces: [consumer]",
        "interfaces: [producer, incoming-handler]",
        expect![[r#"
            workload.yaml:40:44: `wasmcloud:messaging/incoming-handler` calls a component, and this version has no trigger for it
              help: remove the interface; HTTP requests are what wakes components here"#]],
    );
    refused(
        "package: postgres",
        "package: couchbase",
        expect![[r#"
            workload.yaml:39:44: `wasmcloud:couchbase` is an interface that no capability has
              help: remove it; `coracle capabilities --interfaces` lists what there is"#]],
    );
    refused(
        "host: shop.example",
        "path: /shop",
        expect![[r#"
            workload.yaml:36:21: `path` is a setting of HTTP that there is not here
              help: remove it"#]],
    );
    refused(
        "poolSize: 4",
        "poolsize: 4",
        expect![[r#"
            workload.yaml:18:11: unknown key `poolsize` in `spec.template.spec.components`
              help: did you mean `poolSize`?"#]],
    );
    let two = "        - name: api\n          image: file://api.wasm\n      volumes:\n";
    refused(
        "      volumes:\n",
        two,
        expect![[r#"
            workload.yaml:35:11: which of the components answers HTTP is not said
              help: describe the workload in a coracle.toml: a trigger names the component, and `dependencies` plug others into it"#]],
    );
}

#[test]
fn what_somebody_else_decides_is_told() {
    warned(
        "replicas: 1",
        "replicas: 3",
        expect!["workload.yaml:8:3: `replicas` has no effect: start the program as often as it is wanted"],
    );
    warned(
        "      volumes:\n",
        "      hostSelector: { zone: east }\n      volumes:\n",
        expect!["workload.yaml:29:7: `hostSelector` has no effect: a workload runs on the host that serves it"],
    );
    warned(
        "name: cache }",
        "name: cache, config: { backend: redis } }",
        expect!["workload.yaml:38:83: `config` has no effect: the operator binds the label `cache` in the runtime configuration"],
    );
}

#[test]
fn every_interface_that_has_a_backend_is_granted_to_each_component_by_its_name() {
    for (namespace, package, grant) in crate::WITH_BACKENDS {
        let text = format!(
            "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: WorkloadDeployment\nmetadata: {{ name: a }}\nspec:\n  template:\n    spec:\n      \
             components:\n        - {{ name: one, image: \"file://one.wasm\" }}\n        - {{ name: two, image: \"file://two.wasm\" }}\n      \
             hostInterfaces:\n        - {{ namespace: {namespace}, package: {package}, interfaces: [any] }}\n        \
             - {{ namespace: {namespace}, package: {package}, interfaces: [any], name: second }}\n        \
             - {{ namespace: wasmcloud, package: secrets, interfaces: [store] }}\n        - {{ namespace: wasi, package: sockets, interfaces: [tcp] }}\n"
        );
        for component in app("workload.yaml", &text).components {
            assert_eq!(component.grants[grant], json!(["default", "second"]), "{namespace}:{package}");
            assert_eq!(component.grants.len(), 1, "{namespace}:{package} grants nothing else: {:?}", component.grants);
        }
    }
}
