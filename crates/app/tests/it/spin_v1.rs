//! Version 1 of `spin.toml`, and its conversion.

use coracle_app::{App, Format};
use expect_test::{expect, expect_file};
use serde_json::json;

use crate::check::{app, errors};

/// A manifest of one component with these further keys.
fn one_component(keys: &str) -> App {
    app("spin.toml", &one_component_text(keys))
}

fn one_component_text(keys: &str) -> String {
    format!(
        "spin_manifest_version = '1'\nname = 'a'\ntrigger = {{ type = 'http' }}\n[[component]]\nid = 'a'\nsource = \
         'a.wasm'\ntrigger = {{ route = '/...' }}\n{keys}\n"
    )
}

#[test]
fn reads_a_maximal_manifest() {
    let app = app("spin.toml", include_str!("manifests/maximal_v1.toml"));
    expect_file!["snapshots/maximal_v1.txt"].assert_debug_eq(&app);
}

#[test]
fn a_component_without_outbound_hosts_may_reach_every_database() {
    let app = one_component("");
    assert_eq!(app.format, Format::SpinV1);
    let hosts = &app.components[0].grants["outbound-hosts"];
    assert_eq!(*hosts, json!(["redis://*:*", "mysql://*:*", "postgres://*:*"]));
}

#[test]
fn an_empty_list_of_outbound_hosts_grants_nothing() {
    let app = one_component("allowed_outbound_hosts = []");
    assert_eq!(app.components[0].grants.get("outbound-hosts"), None);
}

#[test]
fn each_http_host_becomes_two_entries() {
    let app = one_component("allowed_outbound_hosts = []\nallowed_http_hosts = ['x.dev:81', 'self']");
    let hosts = &app.components[0].grants["outbound-hosts"];
    assert_eq!(*hosts, json!(["http://x.dev:81", "https://x.dev:81", "http://self"]));
}

#[test]
fn allow_all_opens_http_only() {
    let app = one_component("allowed_outbound_hosts = []\nallowed_http_hosts = ['insecure:allow-all', 'x.dev/bad']");
    let hosts = &app.components[0].grants["outbound-hosts"];
    assert_eq!(*hosts, json!(["http://*:*", "https://*:*", "http://self"]));
}

#[test]
fn refuses_bad_http_hosts_each_at_its_place() {
    errors(
        "spin.toml",
        &one_component_text("allowed_http_hosts = [\n  'ftp://x.dev',\n  'ok.dev',\n  'x.dev/path',\n]"),
        expect![[r#"
            spin.toml:9:3: one or more allowed_http_hosts entries was invalid: `ftp://x.dev` isn't a valid host or host:port string
              help: write entries such as "example.com" or "example.com:8080"
            spin.toml:11:3: one or more allowed_http_hosts entries was invalid: `x.dev/path` contains a path, should be host and optional port only
              help: write entries such as "example.com" or "example.com:8080""#]],
    );
}

#[test]
fn refuses_duplicate_ids_after_conversion() {
    let text = format!(
        "{}[[component]]\nid = 'A'\nsource = 'b.wasm'\ntrigger = {{ route = '/b' }}\n[[component]]\nid = 'a'\nsource = \
         'c.wasm'\ntrigger = {{ route = '/c' }}\n",
        one_component_text("")
    );
    errors(
        "spin.toml",
        &text,
        expect![[r#"
        spin.toml:14:6: cannot have duplicate component IDs: a
          help: give each component an id of its own"#]],
    );
}

#[test]
fn refuses_ids_that_cannot_be_converted() {
    errors(
        "spin.toml",
        &one_component_text("").replace("id = 'a'", "id = '1-a'"),
        expect![[r#"
            spin.toml:5:6: component id `1-a`: '-'-separated words must start with an ASCII letter; got '1'
              help: write it in kebab-case, such as `my-component`"#]],
    );
}

#[test]
fn refuses_unknown_keys_and_wrong_types() {
    errors(
        "spin.toml",
        &one_component_text("configs = {}\nenvironment = ['A=b']\ndependencies = {}\nstrict_imports = true"),
        expect![[r#"
            spin.toml:8:1: unknown key `configs` in `component`
              help: did you mean `config`?
            spin.toml:9:1: `component.environment` must be a table, not an array
              help: write a table: Environment variables of the component
            spin.toml:10:1: unknown key `dependencies` in `component`
              help: the known keys are `id`, `source`, `trigger`, `description`, `config`, `environment`, `files`, `exclude_files`, `allowed_http_hosts`, `allowed_outbound_hosts`, `key_value_stores`, `sqlite_databases`, `ai_models`, `build`
            spin.toml:11:1: unknown key `strict_imports` in `component`
              help: the known keys are `id`, `source`, `trigger`, `description`, `config`, `environment`, `files`, `exclude_files`, `allowed_http_hosts`, `allowed_outbound_hosts`, `key_value_stores`, `sqlite_databases`, `ai_models`, `build`"#]],
    );
}

#[test]
fn names_what_is_missing() {
    errors(
        "spin.toml",
        "spin_manifest_version = '1'\n[[component]]\nid = 'a'\n",
        expect![[r#"
            spin.toml:1:1: missing field `name`
              help: add `name`: The application's name
            spin.toml:1:1: missing field `trigger`
              help: add `trigger`: The one kind of trigger that the application has, and its settings
            spin.toml:2:1: missing field `source` in `component`
              help: add `source`: Where the code is: a path, or a URL with its digest
            spin.toml:2:1: missing field `trigger` in `component`
              help: add `trigger`: What wakes it"#]],
    );
}

#[test]
fn errors_in_converted_tables_point_at_the_text_of_the_author() {
    errors(
        "spin.toml",
        &one_component_text(
            "[component.config]\nGood = 'x'\nmissing = '{{ nope }}'\nbraces = '{{ nope'\n[component.trigger]\nroute = \
             '/a'",
        )
        .replace("trigger = { route = '/...' }\n", ""),
        expect![[r#"
            spin.toml:8:1: variable `Good`: '_'-separated words must be all lowercase or all UPPERCASE; got "Good"
              help: write it in lower_snake_case, such as `api_key`
            spin.toml:9:11: unknown variable `nope` in template
              help: declare it: `[variables]` and `nope = { required = true }`
            spin.toml:10:10: unmatched `{{` in template `{{ nope`; close it with `}}`
              help: variables are written as `{{ name }}`"#]],
    );
}

#[test]
fn http_settings_are_checked() {
    errors(
        "spin.toml",
        &one_component_text("").replace("type = 'http'", "type = 'http', base = '/x'").replace("route = '/...'", "rout = '/...'"),
        expect![[r#"
            spin.toml:3:35: `base` must be "/": a common prefix of all routes is no longer supported
              help: remove `base` and write the prefix into each route
            spin.toml:7:11: missing field `route` in `trigger.http`
              help: add `route`: The path to answer, such as `"/users/:id"` or `"/files/..."`, or `{ private = true }` for a component that only other components call
            spin.toml:7:13: unknown key `rout` in `trigger.http`
              help: did you mean `route`?"#]],
    );
}

#[test]
fn triggers_of_other_kinds_are_handed_on_as_they_are() {
    let text = "spin_manifest_version = '1'\nname = 'r'\ntrigger = { type = 'redis', address = 'redis://h' }\n\
                [[component]]\nid = 'r'\nsource = 'r.wasm'\ntrigger = { channel = 'c' }\n";
    let app = app("spin.toml", text);
    assert_eq!(app.trigger_settings["redis"], json!({ "address": "redis://h" }));
    assert_eq!(app.triggers[0].kind, "redis");
    assert_eq!(app.triggers[0].id, "trigger-r");
    assert_eq!(app.triggers[0].config, json!({ "channel": "c" }));
}
