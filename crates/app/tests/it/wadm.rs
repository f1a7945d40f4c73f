//! wadm's manifests: what they become, and what is said about what cannot be.

use coracle_app::{App, Format, Source};
use expect_test::{Expect, expect};
use serde_json::json;

use crate::check::{app, errors, warnings};

const COUNTER: &str = include_str!("manifests/wadm.yaml");

#[test]
fn links_become_grants_labels_and_routes() {
    let App { name, version, description, format, variables, components, triggers, .. } = app("wadm.yaml", COUNTER);
    assert_eq!((name.as_str(), version.as_str(), description.as_str()), ("counting", "v0.1.0", "Counts in a store"));
    assert_eq!(format, Format::Wadm);
    let counter = &components[0];
    assert_eq!(counter.source, Source::Path("./build/counter.wasm".to_owned()));
    assert_eq!(counter.grants["key-value"], json!(["default", "cache"]));
    assert_eq!(counter.grants["blob-store"], json!(["default"]));
    assert_eq!(counter.grants["secrets"], json!({ "api-token": "api_token" }));
    assert_eq!(counter.grants["variables"], json!({ "greeting": "servus", "place": "world" }));
    assert!(variables["api_token"].required && variables["api_token"].secret);
    assert_eq!((counter.limits.concurrency, counter.limits.wall_ms), (Some(7), Some(1_500)));
    assert_eq!(counter.dependencies[0].name.to_string(), "acme:words/greeting");
    assert_eq!(counter.places.of("key-value").unwrap().to_string(), "wadm.yaml:36:11");
    assert_eq!(triggers.len(), 1);
    assert_eq!((triggers[0].kind.as_str(), &triggers[0].config["route"]), ("http", &json!("/count/...")));
    assert_eq!(triggers[0].component.as_ref().unwrap().as_str(), "counter");
}

/// A manifest of one component with more keys and links, and of the providers that links could mean.
fn with(properties: &str, link: &str) -> String {
    let indented = |text: &str, by: usize| text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect::<String>();
    format!(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: a\nspec:\n  components:\n  - name: web\n    type: component\n    \
         properties:\n{}    traits:\n{}  - name: provider\n    type: capability\n    properties:\n      image: ghcr.io/x/y:1\n    traits:\n    - type: link\n      \
         properties:\n        target: web\n        namespace: wasi\n        package: http\n        interfaces: [incoming-handler]\n",
        indented(properties, 6),
        if link.is_empty() {
            "    - type: daemonscaler\n      properties: {}\n".to_owned()
        } else {
            format!("    - type: link\n      properties:\n{}", indented(link, 8))
        },
    )
}

const IMAGE: &str = "image: file://web.wasm";

#[track_caller]
fn refused(properties: &str, link: &str, expected: Expect) {
    errors("wadm.yaml", &with(properties, link), expected);
}

#[test]
fn an_image_of_a_registry_is_refused_with_the_way_to_a_file() {
    refused(
        "image: ghcr.io/acme/web:1.0",
        "",
        expect![[r#"
        wadm.yaml:10:14: the image `ghcr.io/acme/web:1.0` is in a registry, and this version reads files only
          help: fetch it (`wash oci pull`), and write `file://` and the path of the WebAssembly file, from this manifest's folder"#]],
    );
}

#[test]
fn what_a_lattice_keeps_is_not_here() {
    refused(
        "image: file://web.wasm\nconfig:\n- name: shared",
        "",
        expect![[r#"
        wadm.yaml:12:9: the configuration `shared` is kept in a lattice, and there is none here
          help: write its values under `properties`"#]],
    );
    refused(
        "application: { name: other, component: web }",
        "",
        expect![[r#"
        wadm.yaml:10:7: `web` is a component of another application, which cannot be reached
          help: copy that component into this manifest"#]],
    );
    refused(
        "id: web",
        "",
        expect![[r#"
        wadm.yaml:9:5: component `web` has no `image`
          help: add `image: file://component.wasm`"#]],
    );
}

#[test]
fn links_that_lead_nowhere_are_refused() {
    refused(
        IMAGE,
        "target: providr\nnamespace: wasi\npackage: keyvalue\ninterfaces: [store]",
        expect![[r#"
        wadm.yaml:14:17: `providr` is not in this manifest
          help: did you mean `provider`?"#]],
    );
    refused(
        IMAGE,
        "target: provider\nnamespace: wasmcloud\npackage: couchbase\ninterfaces: [document]",
        expect![[r#"
        wadm.yaml:16:18: `wasmcloud:couchbase` is an interface that no capability has
          help: remove the link; `coracle capabilities --interfaces` lists what there is"#]],
    );
}

#[test]
fn links_of_providers_that_are_no_http_server_are_refused() {
    let text = with(IMAGE, "").replace("package: http", "package: keyvalue").replace("[incoming-handler]", "[watcher]");
    errors(
        "wadm.yaml",
        &text,
        expect![[r#"
        wadm.yaml:23:18: the link calls a component by `wasi:keyvalue`, and this version has no trigger for it
          help: remove the link; HTTP requests are what wakes components here"#]],
    );
}

#[test]
fn settings_of_the_http_server_that_are_not_here_are_refused() {
    let link = "interfaces: [incoming-handler]\n        source_config:\n        - name: c\n          properties: { cors_allowed_origins: \"*\" }\n";
    errors(
        "wadm.yaml",
        &with(IMAGE, "").replace("interfaces: [incoming-handler]\n", link),
        expect![[r#"
        wadm.yaml:27:25: `cors_allowed_origins: *` is a setting of the HTTP server that there is not here
          help: remove it"#]],
    );
}

#[test]
fn unknown_keys_are_refused_as_wadm_refuses_them() {
    refused(
        "image: file://web.wasm\nimages: []",
        "",
        expect![[r#"
        wadm.yaml:11:7: unknown key `images` in `spec.components.properties`
          help: did you mean `image`?"#]],
    );
    refused(
        IMAGE,
        "target: provider\nnamespace: wasi\npackage: keyvalue\ninterface: [store]",
        expect![[r#"
        wadm.yaml:13:7: missing field `interfaces` in `spec.components.traits.properties`
          help: add `interfaces`: The interfaces, such as `store`
        wadm.yaml:17:9: unknown key `interface` in `spec.components.traits.properties`
          help: did you mean `interfaces`?"#]],
    );
    errors(
        "wadm.yaml",
        &with(IMAGE, "").replace("daemonscaler", "autoscaler"),
        expect![[r#"
        wadm.yaml:12:13: `autoscaler` is not a value of `spec.components.traits.type`
          help: use `spreadscaler` or `daemonscaler` or `link`"#]],
    );
}

#[test]
fn what_the_operator_decides_is_told() {
    let link = "target:\n  name: provider\n  config:\n  - name: redis\n    properties: { url: redis://cache:6379 }\nnamespace: wasi\npackage: keyvalue\ninterfaces: [store]";
    for link in [link.to_owned(), link.replace("namespace: wasi", "namespace: wasmcloud")] {
        warnings(
            "wadm.yaml",
            &with(IMAGE, &link),
            expect![
                "wadm.yaml:16:11: what is said to `provider` has no effect: the operator binds the label `default` in the runtime configuration"
            ],
        );
    }
    let link = "target: provider\nnamespace: wasi\npackage: http\ninterfaces: [outgoing-handler]";
    warnings(
        "wadm.yaml",
        &with(IMAGE, link),
        expect![
            "wadm.yaml:16:18: the link lets `web` ask every HTTP server; a coracle.toml can name those that it needs in `allowed_outbound_hosts`"
        ],
    );
    let text = with(IMAGE, "").replace("interfaces: [incoming-handler]\n", "interfaces: [incoming-handler]\n        source:\n          config:\n          - name: c\n            properties: { address: \"0.0.0.0:8080\" }\n");
    warnings("wadm.yaml", &text, expect!["wadm.yaml:28:27: `address` has no effect: `--listen` says where the program listens"]);
    let text = with(IMAGE, "").replace("properties: {}", "properties: { spread: [{ name: east, requirements: { zone: east } }] }");
    warnings(
        "wadm.yaml",
        &text,
        expect!["wadm.yaml:13:30: `spread` of `web` has no effect: an application runs on the host that serves it"],
    );
}

#[test]
fn every_interface_that_has_a_backend_is_granted_by_the_name_of_its_link() {
    for (namespace, package, grant) in crate::WITH_BACKENDS {
        let link = format!("target: provider\nnamespace: {namespace}\npackage: {package}\ninterfaces: [any]");
        let component = |link: &str| app("wadm.yaml", &with(IMAGE, link)).components.swap_remove(0);
        let [unnamed, named] = [component(&link), component(&format!("{link}\nname: second"))];
        assert_eq!(unnamed.grants[grant], json!(["default"]), "{namespace}:{package}");
        assert_eq!(named.grants[grant], json!(["second"]), "{namespace}:{package}");
        assert_eq!(named.grants.len(), 1, "{namespace}:{package} grants nothing else: {:?}", named.grants);
        assert!(named.places.of(grant).is_some());
    }
}

#[test]
fn interfaces_that_every_component_has_grant_nothing() {
    for (namespace, package) in
        [("wasi", "config"), ("wasi", "logging"), ("wasi", "sockets"), ("wasi", "otel"), ("wasmcloud", "secrets"), ("wasmcloud", "bus")]
    {
        let link = format!("target: provider\nnamespace: {namespace}\npackage: {package}\ninterfaces: [any]");
        let component = app("wadm.yaml", &with(IMAGE, &link)).components.swap_remove(0);
        assert!(component.grants.is_empty(), "{namespace}:{package}: {:?}", component.grants);
    }
}
