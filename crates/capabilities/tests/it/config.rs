//! `wasi:config` in each draft.

use serde_json::json;
use wasmtime::component::Val;

use crate::guest::Given;
use crate::shim::{Function, Shim, shown};

const ERROR: &str = r#"(variant (case "upstream" string) (case "io" string))"#;

const GET: Function = Function {
    name: "get",
    signature: r#"(param "key" string) (result (result (option string) (error $error)))"#,
    flat_params: 2,
    has_result: true,
};
const GET_ALL: Function = Function {
    name: "get-all",
    signature: "(result (result (list (tuple string string)) (error $error)))",
    flat_params: 0,
    has_result: true,
};

const DRAFTS: [(&str, &str); 4] = [
    ("wasi:config/store@0.2.0-draft-2024-09-27", "error"),
    ("wasi:config/store@0.2.0-rc.1", "error"),
    ("wasi:config/store@0.2.0-draft", "error"),
    ("wasi:config/runtime@0.2.0-draft", "config-error"),
];

async fn ask(given: Given, interface: &str, error: &str) -> Vec<String> {
    let shim = Shim::new(given, interface, (error, ERROR), &[GET, GET_ALL]);
    let key = |name: &str| [Val::String(name.to_owned())];
    let calls: &[(&str, &[Val])] = &[("get", &key("greeting")), ("get", &key("missing")), ("get", &key("not a name")), ("get-all", &[])];
    shim.call(calls).await.iter().flatten().map(shown).collect()
}

#[tokio::test]
async fn every_draft_reads_the_components_variables() {
    for (interface, error) in DRAFTS {
        let given = Given::default()
            .variables(&[("who", Some("world")), ("unseen", Some("x"))], &[])
            .grant("variables", json!({ "greeting": "hello {{ who }}", "b": "2" }));
        let expected = [r#"ok(some("hello world"))"#, "ok(none)", "ok(none)", r#"ok([("b", "2"), ("greeting", "hello world")])"#];
        assert_eq!(ask(given, interface, error).await, expected, "{interface}");
    }
}

#[tokio::test]
async fn a_component_without_the_grant_finds_nothing() {
    for (interface, error) in DRAFTS {
        let given = Given::default().variables(&[("greeting", Some("x"))], &[]);
        assert_eq!(ask(given, interface, error).await, ["ok(none)", "ok(none)", "ok(none)", "ok([])"], "{interface}");
    }
}

#[tokio::test]
async fn a_guest_of_wasmcloud_reads_its_configuration() {
    let guest = Given::default()
        .variables(&[("who", Some("world"))], &[])
        .grant("variables", json!({ "greeting": "hello {{ who }}" }))
        .grant("key-value", json!(["default"]))
        .serve("wasmcloud-counter");
    let (status, body) = guest.get("/visits").await;
    assert_eq!(status, 200);
    assert!(body.contains(r#"greeting=Ok(Some("hello world"))"#), "{body}");
}
