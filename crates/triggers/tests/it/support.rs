//! Guests in this process, called without a socket.

use std::sync::Arc;

use coracle_capabilities as capabilities;
use coracle_engine::{Component, Engines, Fault, GrantRequest, Identity, Limits, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_testkit::fixture;
use coracle_triggers::http::{Body, Handler, Peer};
use http_body_util::BodyExt;

pub(crate) fn engines() -> Arc<Engines> {
    Arc::new(Engines::new(&Settings::default()).unwrap())
}

/// The fixture `name` with its own engines.
pub(crate) fn handler(name: &str, limits: Limits) -> Handler {
    handler_on(&engines(), name, limits)
}

/// The fixture `name` beside others in the same engines.
pub(crate) fn handler_on(engines: &Arc<Engines>, name: &str, limits: Limits) -> Handler {
    let component = Component::compile(engines, &fixture(name).unwrap()).unwrap();
    let linker = capabilities::linker(engines.get(component.generation()), component.generation()).unwrap();
    let site = Site::default();
    let grants = capabilities::grants(&GrantRequest { component: name, grants: &Default::default(), site: &site }).unwrap();
    let identity = Identity { app: "test".to_owned(), component: name.to_owned() };
    let runnable = Runnable::new(engines, &linker, Parts { identity, component, grants, limits }).unwrap();
    Handler::new(Arc::new(runnable)).unwrap()
}

pub(crate) async fn get(handler: &Handler, path: &str) -> Result<(u16, String), Fault> {
    let request = http::Request::get(format!("http://example.com{path}")).header("host", "example.com").body(Body::empty()).unwrap();
    let peer = Peer { client: "127.0.0.1:9".parse().unwrap(), tls: false };
    let response = handler.handle(request, peer).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| Fault::Answer(error.to_string()))?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}
