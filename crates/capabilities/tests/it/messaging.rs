//! Guests that send messages, on every broker: wasmCloud's own, and ours for the async interfaces.

use std::path::Path;
use std::sync::Arc;

use coracle_capabilities::messaging::local;
use coracle_engine::{Limits, Metered, Site};
use coracle_host::Runnable;
use coracle_testkit::certificates::Authority;
use coracle_testkit::servers::{self, Server};
use coracle_testkit::{built, fixture};
use futures::StreamExt as _;
use serde_json::json;
use wasmtime::component::{ComponentType, Lift, Lower, Val};

use crate::guest::Given;

/// A program that is called by its exports.
struct Program(Runnable);

#[derive(ComponentType, Lower, Lift)]
#[component(record)]
struct BrokerMessage {
    subject: String,
    body: Vec<u8>,
    #[component(name = "reply-to")]
    reply_to: Option<String>,
}

impl Program {
    /// Hands a message to the handler of wasmCloud's guest.
    async fn handle(&self, body: &[u8], reply_to: Option<&str>) -> Result<(), String> {
        let mut store = self.0.store().unwrap();
        let meter = Arc::clone(store.data().meter());
        let message = BrokerMessage { subject: "in".to_owned(), body: body.to_vec(), reply_to: reply_to.map(str::to_owned) };
        let handling = async {
            let instance = self.0.pre().unwrap().instantiate_async(&mut store).await?;
            let interface = instance.get_export_index(&mut store, None, "wasmcloud:messaging/handler@0.2.0").unwrap();
            let function = instance.get_export_index(&mut store, Some(&interface), "handle-message").unwrap();
            let function = instance.get_typed_func::<(BrokerMessage,), (Result<(), String>,)>(&mut store, function)?;
            function.call_async(&mut store, (message,)).await
        };
        Metered::new(handling, meter).await.unwrap().unwrap().0
    }

    /// Calls an async export of our guest.
    async fn call(&self, name: &str, arguments: &[Val]) -> Val {
        let mut store = self.0.store().unwrap();
        let meter = Arc::clone(store.data().meter());
        let calling = async {
            let instance = self.0.pre().unwrap().instantiate_async(&mut store).await?;
            let function = instance.get_func(&mut store, name).unwrap();
            let mut results = vec![Val::Bool(false)];
            store.run_concurrent(async |guest| function.call_concurrent(guest, arguments, &mut results).await.map(drop)).await??;
            wasmtime::error::Ok(results.pop().unwrap())
        };
        Metered::new(calling, meter).await.unwrap().unwrap()
    }
}

fn granted() -> Given {
    Given::default().grant("messaging", json!({ "default": ["replies.>", "ask", "in.*"] }))
}

fn served(kind: &str, server: &Server) -> Given {
    let config = format!("[messaging.default]\ntype = \"{kind}\"\nurl = \"{kind}://{}\"", server.place().address());
    granted().runtime_config(&config, Path::new("/"))
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn bytes(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect())
}

fn shown(value: &Val) -> String {
    match value {
        Val::Result(Ok(None)) => "ok".to_owned(),
        Val::Result(Ok(Some(value))) => match &**value {
            Val::List(bytes) => {
                String::from_utf8(bytes.iter().map(|byte| if let Val::U8(byte) = byte { *byte } else { 0 }).collect()).unwrap()
            }
            other => format!("{other:?}"),
        },
        Val::Result(Err(Some(value))) => match &**value {
            Val::String(text) => text.clone(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_handler_of_wasmcloud_answers_on_every_broker() {
    let handler = |given: Given| Program(given.run("handler", &fixture("wasmcloud-messaging").unwrap()));
    let (nats, redis, mqtt) = (servers::nats::start().unwrap(), servers::redis::start().unwrap(), servers::mosquitto::start().unwrap());

    let (program, site) = run_here(granted(), "wasmcloud-messaging", &fixture("wasmcloud-messaging").unwrap());
    let mut replies = local(&site, "default").unwrap().subscribe("replies.>").unwrap();
    assert_eq!(program.handle(b"hello", Some("replies.one")).await, Ok(()));
    let reply = replies.next().await.unwrap();
    assert_eq!((reply.subject.as_str(), &reply.body[..]), ("replies.one", &b"HELLO"[..]));
    assert_eq!(program.handle(b"hello", Some("elsewhere")).await, Err("access denied".to_owned()));
    assert_eq!(program.handle(b"fail", None).await, Err("asked to fail".to_owned()));
    assert_eq!(program.handle(b"fine", None).await, Ok(()));

    let client = async_nats::connect(nats.place().address().to_string()).await.unwrap();
    let mut replies = client.subscribe("replies.>").await.unwrap();
    let _ = client.request("nobody.listens", "".into()).await;
    assert_eq!(handler(served("nats", &nats)).handle(b"hello", Some("replies.one")).await, Ok(()));
    assert_eq!(replies.next().await.unwrap().payload, "HELLO");

    let client = redis::Client::open(format!("redis://{}", redis.place().address())).unwrap();
    let mut channels = client.get_async_pubsub().await.unwrap();
    channels.subscribe("replies.one").await.unwrap();
    assert_eq!(handler(served("redis", &redis)).handle(b"hello", Some("replies.one")).await, Ok(()));
    assert_eq!(channels.on_message().next().await.unwrap().get_payload_bytes(), b"HELLO");

    let mut listener = crate::mqtt::Listener::start(&mqtt, "replies/#").await;
    assert_eq!(handler(served("mqtt", &mqtt)).handle(b"hello", Some("replies.one")).await, Ok(()));
    assert_eq!(listener.next().await, ("replies/one".to_owned(), "HELLO".to_owned()));
}

/// wadm's manifest of the handler of wasmCloud, as its users have them, without the link that would wake it.
const WADM: &str = "
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: upper
spec:
  components:
    - name: upper
      type: component
      properties: { image: \"file://wasmcloud-messaging.wasm\" }
      traits:
        - type: link
          properties: { target: nats, namespace: wasmcloud, package: messaging, interfaces: [consumer] }
    - name: nats
      type: capability
      properties: { image: \"ghcr.io/wasmcloud/messaging-nats:0.24.0\" }
";

/// The same as a `WorkloadDeployment`.
const WORKLOAD: &str = "
apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: WorkloadDeployment
metadata:
  name: upper
spec:
  template:
    spec:
      components:
        - { name: upper, image: \"file://wasmcloud-messaging.wasm\" }
      hostInterfaces:
        - { namespace: wasmcloud, package: messaging, version: 0.2.0, interfaces: [types, consumer] }
        - { namespace: wasi, package: logging, interfaces: [logging] }
";

/// What a manifest grants to its one component.
fn granted_by(name: &str, manifest: &str) -> Given {
    let mut app = coracle_app::load(manifest, name, None, None).unwrap();
    Given { grants: app.components.pop().unwrap().grants, ..Given::default() }
}

#[tokio::test]
async fn a_handler_of_wasmcloud_answers_by_what_its_own_manifests_grant() {
    let upper = fixture("wasmcloud-messaging").unwrap();
    for (name, manifest) in [("wadm.yaml", WADM), ("workload.yaml", WORKLOAD)] {
        let (program, site) = run_here(granted_by(name, manifest), "upper", &upper);
        let mut replies = local(&site, "default").unwrap().subscribe("replies.>").unwrap();
        assert_eq!(program.handle(b"hello", Some("replies.one")).await, Ok(()), "{name}");
        let reply = replies.next().await.unwrap();
        assert_eq!((reply.subject.as_str(), &reply.body[..]), ("replies.one", &b"HELLO"[..]), "{name}");
        assert_eq!(program.handle(b"fail", None).await, Err("asked to fail".to_owned()), "{name}");

        // Of a link without a name the label is `default`, and the operator may put any broker there.
        let other = manifest.replace("interfaces: [consumer] }", "interfaces: [consumer], name: events }");
        let other = other.replace("interfaces: [types, consumer] }", "interfaces: [types, consumer], name: events }");
        let config = "[messaging.events]\ntype = \"memory\"";
        let (program, site) = run_here(granted_by(name, &other).runtime_config(config, Path::new("/")), "upper", &upper);
        let mut replies = local(&site, "events").unwrap().subscribe("replies.>").unwrap();
        assert_eq!(program.handle(b"again", Some("replies.two")).await, Ok(()), "{name}");
        assert_eq!(replies.next().await.unwrap().body, "AGAIN", "{name}");

        let none = manifest.replace("package: messaging", "package: keyvalue");
        let (program, _site) = run_here(granted_by(name, &none), "upper", &upper);
        assert_eq!(program.handle(b"hello", Some("replies.one")).await, Err("access denied".to_owned()), "{name}");
    }
}

/// Makes a guest ready, and hands its site out.
fn run_here(mut given: Given, name: &str, wasm: &[u8]) -> (Program, Site) {
    let runnable = given.ready(name, wasm);
    (Program(runnable), given.site)
}

#[tokio::test]
async fn a_guest_of_wasmcloud_2_streams_its_bodies() {
    let messenger = built("messenger-p3").unwrap();
    let (program, site) = run_here(granted(), "messenger", &messenger);
    let broker = local(&site, "default").unwrap();
    let mut messages = broker.subscribe("in.*").unwrap();
    let none = || Val::Option(None);
    let large = vec![7; 300_000];
    let published = program.call("publish", &[text("in.one"), bytes(&large), Val::Option(Some(Box::new(text("replies.x"))))]).await;
    assert_eq!(shown(&published), "ok");
    let message = messages.next().await.unwrap();
    assert!(message.body == large && message.reply_to.as_deref() == Some("replies.x"));
    assert_eq!(shown(&program.call("publish", &[text("in.two"), bytes(b""), none()]).await), "ok");
    assert_eq!(messages.next().await.unwrap().body, "");

    for (subject, error) in [("secrets", "Error::AccessDenied"), ("in.*", "Error::SubjectInvalid"), ("in.a b", "Error::SubjectInvalid")] {
        assert_eq!(shown(&program.call("publish", &[text(subject), bytes(b"x"), none()]).await), error, "{subject}");
    }
    let limits = Limits { hostcall_bytes: 64 << 20, ..Limits::default() };
    let (roomy, _site) = run_here(Given { limits, ..granted() }, "messenger", &messenger);
    let refused = roomy.call("publish", &[text("in.one"), bytes(&vec![0; (16 << 20) + 1]), none()]).await;
    assert_eq!(shown(&refused), "Error::MessageTooLarge");

    let server = servers::nats::start().unwrap();
    let client = async_nats::connect(server.place().address().to_string()).await.unwrap();
    let mut questions = client.subscribe("ask").await.unwrap();
    let _ = client.request("nobody.listens", "".into()).await;
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            client.publish(question.reply.unwrap(), question.payload.to_ascii_uppercase().into()).await.unwrap();
        }
    });
    let (program, _site) = run_here(served("nats", &server), "messenger", &messenger);
    assert_eq!(shown(&program.call("request", &[text("ask"), bytes(b"hello"), none()]).await), "HELLO");
    let unheard = program.call("request", &[text("in.nobody"), bytes(b"hello"), Val::Option(Some(Box::new(Val::U32(5_000))))]).await;
    assert!(shown(&unheard).contains("nobody listens"), "{}", shown(&unheard));
    drop(server);
    // What is written before the end of the connection is known is lost, as NATS is without a stream.
    let away = async {
        loop {
            let published = program.call("publish", &[text("in.one"), bytes(b"x"), none()]).await;
            if shown(&published) != "ok" {
                return shown(&published);
            }
        }
    };
    let away = tokio::time::timeout(std::time::Duration::from_secs(20), away).await.expect("it is found out");
    assert_eq!(away, "Error::BrokerUnavailable");
}

#[tokio::test]
async fn a_broker_of_mqtt_proves_who_it_is_by_the_operators_authority() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = servers::mosquitto::start_with_tls(&authority.server()).unwrap();
    for (roots, expected) in [(authority.root(), "ok"), (stranger.root(), "Error::BrokerUnavailable")] {
        let url = format!("mqtts://localhost:{}", server.place().port);
        let config = format!("[messaging.default]\ntype = \"mqtt\"\nurl = \"{url}\"\nca_roots_file = {roots:?}");
        let given = granted().runtime_config(&config, Path::new("/"));
        let program = Program(given.run("messenger", &built("messenger-p3").unwrap()));
        assert_eq!(shown(&program.call("publish", &[text("in.one"), bytes(b"x"), Val::Option(None)]).await), expected);
    }
}

#[tokio::test]
async fn without_a_grant_nothing_is_sent() {
    let (program, _site) = run_here(Given::default(), "wasmcloud-messaging", &fixture("wasmcloud-messaging").unwrap());
    assert_eq!(program.handle(b"hello", Some("replies.one")).await, Err("access denied".to_owned()));
    let (program, _site) = run_here(Given::default(), "messenger", &built("messenger-p3").unwrap());
    let denied = program.call("request", &[text("ask"), bytes(b"x"), Val::Option(None)]).await;
    assert_eq!(shown(&denied), "Error::AccessDenied");
}

fn bound(grant: serde_json::Value, config: &str) -> Result<Vec<String>, String> {
    let mut given = Given::default().grant("messaging", grant).runtime_config(config, Path::new("/"));
    given.bind().map_err(|error| coracle_base::chain(&error).to_string())?;
    let request = coracle_engine::GrantRequest { component: "c", grants: &given.grants, site: &given.site };
    let grants = coracle_capabilities::grants(&request).map_err(|error| coracle_base::chain(&error).to_string())?;
    Ok(grants.iter().flat_map(|grant| grant.describe()).filter(|line| line.contains('→')).collect())
}

#[test]
fn labels_are_bound_as_the_configuration_says() {
    let config = "
        [messaging.events]
        type = \"nats\"
        url = \"tls://me:hunter2@nats.example\"
        jetstream = true
        [messaging.field]
        type = \"mqtt\"
        url = \"mqtt://broker\"
        username = \"me\"
        password = \"hunter2\"
        [messaging.cache]
        type = \"redis\"
        url = \"redis://:hunter2@cache.example\"
    ";
    let lines = bound(json!({ "default": ["a.>", "b"], "events": [">"], "field": ["x"], "cache": [] }), config).unwrap();
    assert_eq!(
        lines,
        [
            "cache → redis redis://cache.example, subjects ",
            "default → memory, subjects `a.>`, `b`",
            "events → nats jetstream tls://nats.example, subjects `>`",
            "field → mqtt mqtt://broker, subjects `x`",
        ]
    );
    for (grant, config, said) in [
        (json!(["x"]), "", "`x` under `messaging` has no backend; add `[messaging.x]` to the runtime configuration"),
        (json!(["x"]), "messaging.x = { type = \"nats\" }", "missing field `url`"),
        (json!(["x"]), "messaging.x = { type = \"nats\", url = \"http://h\" }", "its `url` is not understood; write `nats://host:port`"),
        (json!(["x"]), "messaging.x = { type = \"mqtt\", url = \"redis://h\" }", "its url is none of MQTT"),
        (json!(["x"]), "messaging.x = { type = \"mqtt\", url = \"mqtt://h\", qos = 3 }", "its `qos` is out of range"),
        (json!(["x"]), "messaging.x = { type = \"memory\", url = \"h\" }", "unknown field `url`"),
        (json!([]), "messaging.x = { type = \"kafka\" }", "has the type `kafka`, which is not known"),
        (json!({ "default": ["a..b"] }), "", "`a..b` is no pattern of subjects"),
        (json!({ "default": "a" }), "", "`messaging` must be a list of labels, or a table"),
        (json!("default"), "", "`messaging` must be a list of labels, or a table"),
    ] {
        let text = bound(grant, config).unwrap_err();
        assert!(text.contains(said) && !text.contains("hunter2"), "{text}");
    }
}
