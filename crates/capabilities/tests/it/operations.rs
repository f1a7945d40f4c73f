//! What guests ask of each capability is counted for operators: by capability, operation, outcome and component, and by nothing that a
//! guest sends.

use std::path::Path;
use std::sync::Arc;

use coracle_base::metrics;
use coracle_engine::Metered;
use coracle_testkit::fakes::{Fake, Reply};
use coracle_testkit::{built, fixture, servers};
use serde_json::json;
use wasmtime::component::{ComponentNamedList, Lift, Lower, Val};

use crate::guest::Given;

/// The component of these tests, which no other test has.
const COMPONENT: &str = "counted";
/// What guests send, and what no label may tell.
const CANARY: &str = "c4n4ry";

/// Sees that `capability` counted and timed `expected`, which is everything that the component asked of it.
#[track_caller]
fn check(capability: &str, expected: &[(&str, &str, u32)]) {
    let text = metrics::global().render();
    assert!(!text.contains(CANARY), "{text}");
    for metric in ["coracle_operation_count_total", "coracle_operation_duration_seconds_count"] {
        let line = |(operation, outcome, count): &(&str, &str, u32)| {
            format!(
                r#"{metric}{{capability="{capability}",operation="{operation}",outcome="{outcome}",component_id="{COMPONENT}"}} {count}"#
            )
        };
        let (start, end) = (format!(r#"{metric}{{capability="{capability}","#), format!(r#"component_id="{COMPONENT}"}}"#));
        let counted: Vec<_> = text.lines().filter(|line| line.starts_with(&start) && line.contains(&end)).collect();
        let mut expected: Vec<_> = expected.iter().map(line).collect();
        expected.sort_unstable();
        assert_eq!(counted, expected);
    }
}

/// Calls an export of one of our guests.
async fn call<P, R>(given: Given, guest: &str, name: &str, arguments: P) -> R
where
    P: ComponentNamedList + Lower + Send + Sync,
    (R,): ComponentNamedList + Lift + Send + Sync,
    R: Send + Sync + 'static,
{
    let runnable = given.run(COMPONENT, &built(guest).unwrap());
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        instance.get_typed_func::<P, (R,)>(&mut store, name)?.call_async(&mut store, arguments).await
    };
    Metered::new(calling, meter).await.unwrap().unwrap().0
}

/// Calls an async export of one of our guests; says whether it went well.
async fn call_async(given: Given, guest: &str, name: &str, arguments: &[Val]) -> bool {
    let runnable = given.run(COMPONENT, &built(guest).unwrap());
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        let function = instance.get_func(&mut store, name).unwrap();
        let mut results = vec![Val::Bool(false)];
        store.run_concurrent(async |guest| function.call_concurrent(guest, arguments, &mut results).await.map(drop)).await??;
        wasmtime::error::Ok(results.pop().unwrap())
    };
    matches!(Metered::new(calling, meter).await.unwrap().unwrap(), Val::Result(Ok(_)))
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

#[tokio::test]
async fn of_redis() {
    let server = servers::redis::start().unwrap();
    let ask = async |address: String| {
        let given = Given::default().grant("environment", json!({ "REDIS_ADDRESS": address })).grant("outbound-hosts", json!([address]));
        given.serve_bytes(COMPONENT, &fixture("spin5-redis").unwrap()).try_get("/").await.0
    };
    assert_eq!(ask(format!("redis://{}", server.place().address())).await, 200);
    assert_eq!(ask("redis://127.0.0.1:1".to_owned()).await, 500);
    let done = ["execute", "get", "incr", "publish", "set"].map(|operation| (operation, "ok", 1));
    check("redis", &[&done[..], &[("open", "ok", 1), ("open", "error", 1)]].concat());
}

#[tokio::test]
async fn of_blob_stores() {
    let guest = Given::default().grant("blob-store", json!(["default"])).serve_bytes(COMPONENT, &fixture("wasmcloud-blobstore").unwrap());
    assert_eq!(guest.send("PUT", &format!("/{CANARY}"), CANARY).await.0, 200);
    assert_eq!(guest.get(&format!("/{CANARY}")).await, (200, CANARY.to_owned()));
    assert_eq!(guest.get("/absent").await.0, 500);
    let once = ["create_container", "write_data", "finish", "get_data"].map(|operation| (operation, "ok", 1));
    // The guest looks before it reads.
    check("blob-store", &[&once[..], &[("container_info", "ok", 5), ("object_info", "ok", 2)]].concat());
}

#[tokio::test]
async fn of_messaging() {
    let granted = || Given::default().grant("messaging", json!(["default"]));
    let body = || Val::List(CANARY.bytes().map(Val::U8).collect());
    assert!(call_async(granted(), "messenger-p3", "publish", &[text(CANARY), body(), Val::Option(None)]).await);
    assert!(!call_async(granted(), "messenger-p3", "request", &[text(CANARY), body(), Val::Option(None)]).await, "nobody listens");
    check("messaging", &[("publish", "ok", 1), ("request", "error", 1)]);
}

#[tokio::test]
async fn of_mqtt() {
    let server = servers::mosquitto::start().unwrap();
    let address = format!("mqtt://{}", server.place().address());
    let publish = async || {
        let given = Given::default().grant("outbound-hosts", json!([address]));
        call_async(given, "messenger-p3", "mqtt", &[text(&address), Val::List(vec![text(CANARY)])]).await
    };
    assert!(publish().await);
    drop(server);
    assert!(!publish().await);
    check("mqtt", &[("open_connection", "ok", 1), ("open_connection", "error", 1), ("publish", "ok", 3)]);
}

#[tokio::test]
async fn of_variables() {
    let given = Given::default().variables(&[("token", None)], &[("SPIN_VARIABLE_TOKEN", CANARY)]);
    let guest = given.grant("variables", json!({ "token": "{{ token }}" })).serve_bytes(COMPONENT, &fixture("spin7-variables").unwrap());
    assert_eq!(guest.get("/token").await, (200, CANARY.to_owned()));
    assert_eq!(guest.get(&format!("/{CANARY}")).await.0, 404, "nobody is asked for what was not granted");
    check("variables", &[("get", "ok", 1)]);
}

#[tokio::test]
async fn of_secrets() {
    let mut given = Given::default().grant("secrets", json!(["api_token"])).grant("key-value", json!(["default"]));
    crate::secrets::share(&mut given.site);
    let found: Result<String, String> = call(given, "teller-p2", "secret", ("api_token",)).await;
    assert_eq!(found.as_deref(), Ok(CANARY));
    check("secrets", &[("get", "ok", 1)]);
}

#[tokio::test]
async fn of_language_models() {
    let fake = Fake::start(|_| Reply::Json(500, "{}".to_owned())).unwrap();
    let given = Given::default().grant("ai-models", json!(["m"])).grant("key-value", json!(["default"]));
    let config = format!("[llm_compute]\ntype = \"open_ai\"\nurl = \"{}\"\nauth_token = \"{CANARY}\"", fake.url());
    let arguments = ("m", CANARY, Some(0.5_f32));
    let answer: Result<String, String> = call(given.runtime_config(&config, Path::new("/")), "teller-p2", "infer", arguments).await;
    assert!(answer.is_err());
    check("ai-models", &[("infer", "error", 1)]);
}

#[tokio::test]
async fn of_requests_over_http() {
    let fake = Fake::start(|_| Reply::Json(200, CANARY.to_owned())).unwrap();
    let given = Given::default().grant("outbound-hosts", json!([fake.url()]));
    let guest = given.serve_bytes(COMPONENT, &fixture("spin7-outbound-http").unwrap());
    let answer = crate::http_client::relayed(&guest, &format!("{}/{CANARY}", fake.url())).await;
    assert_eq!(answer, (200, CANARY.to_owned()));
    check("http-client", &[("send_request", "ok", 1)]);
}
