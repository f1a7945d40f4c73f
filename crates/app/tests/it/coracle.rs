//! `coracle.toml`: everything of `spin.toml` version 2, and its own keys.

use coracle_app::{App, Format, InstancePolicy, load};
use expect_test::{expect, expect_file};

use crate::check::{app, errors};

fn one_component(keys: &str) -> String {
    format!(
        "application.name = 'a'\n[[trigger.http]]\nroute = '/...'\ncomponent = 'a'\n[component.a]\nsource = \
         'a.wasm'\n{keys}\n"
    )
}

#[test]
fn reads_a_maximal_manifest() {
    let app = app("coracle.toml", include_str!("manifests/maximal_coracle.toml"));
    expect_file!["snapshots/maximal_coracle.txt"].assert_debug_eq(&app);
}

#[test]
fn moving_over_from_spin_is_a_rename() {
    let text = include_str!("manifests/maximal_v2.toml");
    // Under one name, because each remembers where its keys stand.
    let read = |format| load(text, "app.toml", Some(format), None).unwrap();
    let coracle = read(Format::Coracle);
    let spin = App { format: Format::Coracle, ..read(Format::SpinV2) };
    assert_eq!(spin, coracle);
}

#[test]
fn the_format_follows_from_the_name_unless_it_is_given() {
    let text = one_component("strict_imports = true");
    assert!(load(&text, "dir/coracle.toml", None, None).is_ok());
    assert!(load(&text, "dir/staging.coracle.toml", None, None).is_ok());
    assert!(load(&text, "dir/app.toml", Some(Format::Coracle), None).is_ok());
    assert!(load(&text, "dir/app.toml", None, None).is_err());
    assert!(load(&text, "dir/coracle.toml", Some(Format::SpinV2), None).is_err());
    assert!(load(&text, "dir/coracle.toml", Some(Format::Bare), None).is_err());
}

#[test]
fn own_keys_are_refused_in_spin_toml() {
    let keys = "files = [{ source = 'a', destination = '/a', writable = true }]\ncapabilities.blob = {}\n\
                limits.memory = '1MiB'\ninstances.policy = 'fresh'\nstrict_imports = true\nblob_stores = ['a']\nmessaging = ['a']\n\
                [component.b]\nsource.component = 'a'\n";
    let text = format!("spin_manifest_version = 2\n{}", one_component(keys));
    let text = text.replace("route = '/...'", "route = '/...'\nhost = 'x'\nmethod = 'GET'");
    errors(
        "spin.toml",
        &text,
        expect![[r#"
            spin.toml:5:1: `host` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:6:1: `method` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:10:46: `writable` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:11:1: `capabilities` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:12:1: `limits` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:13:1: `instances` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:14:1: `strict_imports` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:15:1: `blob_stores` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:16:1: `messaging` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key
            spin.toml:18:1: `component` is a key of coracle.toml, which spin.toml does not have
              help: rename the manifest to coracle.toml, or remove the key"#]],
    );
}

#[test]
fn limits_out_of_range_are_named() {
    errors(
        "coracle.toml",
        &one_component(
            "[component.a.limits]\nmemory = '1TiB'\ncpu = '0ms'\nwall = '2 days'\nconcurrency = 0\nqueue = \
             5_000_000_000\nrequest_body = -1\nhandles = '7'\nlog = '2GiB'\nmemry = 1\n",
        ),
        expect![[r#"
            coracle.toml:8:10: `memory` cannot be read
              help: write a number of bytes, or text such as "128MiB" or "64KiB"
            coracle.toml:9:7: `cpu` is out of range: 0
              help: use a value from 1ms to 1h
            coracle.toml:10:8: `wall` cannot be read
              help: write a number of milliseconds, or text such as "30s" or "500ms"
            coracle.toml:11:15: `concurrency` is out of range: 0
              help: use a number from 1 to 100000
            coracle.toml:12:9: `queue` is out of range: 5000000000
              help: use a number from 0 to 1000000
            coracle.toml:13:16: -1 is out of range for `component.a.limits.request_body`
              help: use a number of at least 0
            coracle.toml:14:11: `component.a.limits.handles` must be an integer, not a string
              help: write an integer: Resource handles open at the same time, 1 to 1000000
            coracle.toml:15:7: `log` is out of range: 2GiB
              help: use a value from 0 to 1GiB
            coracle.toml:16:1: unknown key `memry` in `component.a.limits`
              help: did you mean `memory`?"#]],
    );
    errors(
        "coracle.toml",
        &one_component(
            "[component.a.limits]\nmemory = '1TiB'\ncpu = '0ms'\nwall = '2 days'\nconcurrency = 0\nqueue = \
             5_000_000_000\nrequest_body = -1\nlog = '2GiB'\n",
        ),
        expect![[r#"
            coracle.toml:8:10: `memory` cannot be read
              help: write a number of bytes, or text such as "128MiB" or "64KiB"
            coracle.toml:9:7: `cpu` is out of range: 0
              help: use a value from 1ms to 1h
            coracle.toml:10:8: `wall` cannot be read
              help: write a number of milliseconds, or text such as "30s" or "500ms"
            coracle.toml:11:15: `concurrency` is out of range: 0
              help: use a number from 1 to 100000
            coracle.toml:12:9: `queue` is out of range: 5000000000
              help: use a number from 0 to 1000000
            coracle.toml:13:16: -1 is out of range for `component.a.limits.request_body`
              help: use a number of at least 0
            coracle.toml:14:7: `log` is out of range: 2GiB
              help: use a value from 0 to 1GiB"#]],
    );
}

#[test]
fn reuse_has_defaults() {
    let app = app("coracle.toml", &one_component("instances.policy = 'reuse'"));
    let expected = InstancePolicy::Reuse { requests_max: 128, concurrent_max: 1, idle_ms: 10_000 };
    assert_eq!(app.components[0].instances, expected);
}

#[test]
fn refuses_instance_policies_that_mean_nothing() {
    errors(
        "coracle.toml",
        &one_component("instances = { policy = 'fresh', idle = '1s', requests_max = 3 }"),
        expect![[r#"
            coracle.toml:7:33: `idle` has no meaning with policy `fresh`
              help: remove it, or set `policy = "reuse"`
            coracle.toml:7:46: `requests_max` has no meaning with policy `fresh`
              help: remove it, or set `policy = "reuse"`"#]],
    );
    errors(
        "coracle.toml",
        &one_component("instances = { policy = 'reuse', idle = '0s', requests_max = 0, concurrent_max = 99999 }"),
        expect![[r#"
            coracle.toml:7:40: `idle` is out of range: 0
              help: use a value from 1ms to 1h
            coracle.toml:7:61: `requests_max` is out of range: 0
              help: use a number from 1 to 1000000
            coracle.toml:7:81: `concurrent_max` is out of range: 99999
              help: use a number from 1 to 10000"#]],
    );
    errors(
        "coracle.toml",
        &one_component("instances = { policy = 'shared' }"),
        expect![[r#"
        coracle.toml:7:24: `shared` is not a value of `component.a.instances.policy`
          help: use `fresh` or `reuse`"#]],
    );
    errors(
        "coracle.toml",
        &one_component("instances = {}"),
        expect![[r#"
            coracle.toml:7:1: missing field `policy` in `component.a.instances`
              help: add `policy`: `fresh` makes a new instance for each call, so that nothing of one call reaches another; `reuse` lets one instance serve several calls, and the guest keeps its memory between them"#]],
    );
}

#[test]
fn a_capability_is_granted_once() {
    errors(
        "coracle.toml",
        &one_component("key_value_stores = ['default']\ncapabilities.key-value = ['other']"),
        expect![[r#"
            coracle.toml:8:14: capability `key-value` is granted twice
              help: keep either `key_value_stores` or `capabilities.key-value`"#]],
    );
}

#[test]
fn shared_code_must_exist_and_be_somebodys_own() {
    errors(
        "coracle.toml",
        &one_component("[component.b]\nsource.component = 'c'\n[component.c]\nsource.component = 'missing'\n"),
        expect![[r#"
            coracle.toml:8:20: component `c` has no code of its own either
              help: name a component whose source is a file, a URL or a package
            coracle.toml:10:20: component `missing` does not exist
              help: add `[component.missing]`"#]],
    );
}

#[test]
fn the_version_of_an_old_manifest_is_refused() {
    errors(
        "coracle.toml",
        "spin_manifest_version = '1'\nname = 'x'\n",
        expect![[r#"
        coracle.toml:1:25: invalid manifest version: "1"
          help: coracle.toml has version 2 only; convert the manifest first, or rename it to spin.toml"#]],
    );
}

#[test]
fn hosts_and_methods_are_checked() {
    let text = one_component("");
    errors(
        "coracle.toml",
        &text.replace("route = '/...'", "route = '/...'\nhost = ['ok.dev', 'https://x.dev']"),
        expect![[r#"
            coracle.toml:4:1: trigger `a-http-trigger`: `https://x.dev` is not a host name
              help: write a name without scheme, port and path, such as `example.com` or `*.example.com`"#]],
    );
    errors(
        "coracle.toml",
        &text.replace("route = '/...'", "route = '/...'\nmethod = ['GET', 'get']"),
        expect![[r#"
            coracle.toml:4:1: trigger `a-http-trigger`: `get` is not an HTTP method
              help: write a method in upper case, such as `GET`"#]],
    );
}

#[test]
fn a_component_names_its_blob_stores_and_brokers() {
    let grants = |keys: &str| {
        let app = app("coracle.toml", &one_component(keys));
        serde_json::to_string(&app.components[0].grants).unwrap()
    };
    assert_eq!(grants("blob_stores = ['default', 'archive']"), r#"{"blob-store":["default","archive"]}"#);
    assert_eq!(grants("messaging = ['default']"), r#"{"messaging":["default"]}"#);
    assert_eq!(grants("messaging = { default = ['orders.>'], other = [] }"), r#"{"messaging":{"default":["orders.>"],"other":[]}}"#);
    assert_eq!(grants("blob_stores = []\nmessaging = {}"), "{}");
    errors(
        "coracle.toml",
        &one_component("blob_stores = ['Not a label']\nmessaging = { 'nor this' = ['a'] }"),
        expect![[r#"
        coracle.toml:7:16: blob store `Not a label`: expected kebab-case or snake_case; got "Not a label"
          help: use words of letters and digits joined by `-` or `_`
        coracle.toml:8:15: broker `nor this`: expected kebab-case or snake_case; got "nor this"
          help: use words of letters and digits joined by `-` or `_`"#]],
    );
    errors(
        "coracle.toml",
        &one_component("messaging = 'default'"),
        expect![[r#"
        coracle.toml:7:13: `component.a.messaging` must be an array or a table, not a string
          help: write an array or a table: Labels of the brokers that it may send messages to, and to which subjects"#]],
    );
    errors(
        "coracle.toml",
        &one_component("messaging = ['a']\ncapabilities.messaging = ['a']"),
        expect![[r#"
        coracle.toml:8:14: capability `messaging` is granted twice
          help: keep either `messaging` or `capabilities.messaging`"#]],
    );
}
