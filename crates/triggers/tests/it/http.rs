//! Guests of several SDKs answer through [`Handler`].

use std::sync::Arc;

use coracle_capabilities as capabilities;
use coracle_engine::{Component, Engines, Fault, GrantRequest, Identity, LimitKind, Limits, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_testkit::fixture;
use coracle_triggers::http::{Body, Handler, Peer};
use http_body_util::BodyExt;

fn handler(name: &str, limits: Limits) -> Handler {
    let engines = Arc::new(Engines::new(&Settings::default()).unwrap());
    let component = Component::compile(&engines, &fixture(name).unwrap()).unwrap();
    let linker = capabilities::linker(engines.get(component.generation()), component.generation()).unwrap();
    let site = Site::default();
    let grants = capabilities::grants(&GrantRequest { component: name, grants: &Default::default(), site: &site }).unwrap();
    let identity = Identity { app: "test".to_owned(), component: name.to_owned() };
    let runnable = Runnable::new(&engines, &linker, Parts { identity, component, grants, limits }).unwrap();
    Handler::new(Arc::new(runnable)).unwrap()
}

async fn get(handler: &Handler, path: &str) -> Result<(u16, String), Fault> {
    let request = http::Request::get(format!("http://example.com{path}")).header("host", "example.com").body(Body::empty()).unwrap();
    let peer = Peer { client: "127.0.0.1:9".parse().unwrap(), tls: false };
    let response = handler.handle(request, peer).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test]
async fn guests_of_every_sdk_answer() {
    for name in ["wasip2-hello", "wstd-hello", "spin5-hello", "spin7-hello"] {
        let (status, body) = get(&handler(name, Limits::default()), "/").await.unwrap();
        assert_eq!(status, 200, "{name}: {body}");
        assert!(body.to_lowercase().contains("hello"), "{name}: {body}");
    }
}

#[tokio::test]
async fn each_fault_has_its_name() {
    let limits = || Limits { cpu: std::time::Duration::from_millis(100), wall: std::time::Duration::from_millis(300), ..Limits::default() };
    for (name, kind) in [
        ("fault-cpu-loop", LimitKind::Cpu),
        ("fault-never", LimitKind::Wall),
        ("fault-mem-hog", LimitKind::Memory),
        ("fault-stack-overflow", LimitKind::Stack),
    ] {
        let fault = get(&handler(name, limits()), "/").await.unwrap_err();
        assert!(matches!(&fault, Fault::Limit { kind: met, .. } if *met == kind), "{name}: {fault:?}");
    }
    assert!(matches!(get(&handler("fault-no-response", limits()), "/").await, Err(Fault::NoResponse)));
    assert!(matches!(get(&handler("fault-panic", limits()), "/").await, Err(Fault::Trap(_))));
}
