//! Guests in this process, called without a socket.

use std::sync::Arc;

use coracle_capabilities as capabilities;
use coracle_engine::{Component, Engines, Fault, GrantRequest, Identity, InstanceState, Limits, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_testkit::fixture;
use coracle_triggers::http::{Body, BodyError, Handler, Peer};
use http_body_util::BodyExt;
use wasmtime::component::Linker;

pub(crate) fn engines() -> Arc<Engines> {
    Arc::new(Engines::new(&Settings::default()).unwrap())
}

/// The guest `name` with its own engines.
pub(crate) fn handler(name: &str, limits: Limits) -> Handler {
    handler_of(&engines(), name, limits)
}

/// The guest `name`, a fixture or built from this repository, beside others in the same engines.
pub(crate) fn handler_of(engines: &Arc<Engines>, name: &str, limits: Limits) -> Handler {
    let bytes = fixture(name).or_else(|_| coracle_testkit::built(name)).unwrap();
    handler_from(engines, name, &bytes, limits)
}

/// The guest in `bytes`, under the name `name`.
pub(crate) fn handler_from(engines: &Arc<Engines>, name: &str, bytes: &[u8], limits: Limits) -> Handler {
    let component = Component::compile(engines, bytes).unwrap();
    let linker = capabilities::linker(engines.get(component.generation()), component.generation()).unwrap();
    linked(engines, &linker, name, component, limits)
}

/// The guest in `bytes` on a host of the test's own.
pub(crate) fn handler_linked(engines: &Arc<Engines>, linker: &Linker<InstanceState>, name: &str, bytes: &[u8], limits: Limits) -> Handler {
    linked(engines, linker, name, Component::compile(engines, bytes).unwrap(), limits)
}

fn linked(engines: &Arc<Engines>, linker: &Linker<InstanceState>, name: &str, component: Component, limits: Limits) -> Handler {
    let site = Site::default();
    let grants = capabilities::grants(&GrantRequest { component: name, grants: &Default::default(), site: &site }).unwrap();
    let identity = Identity { app: "test".to_owned(), component: name.to_owned() };
    let runnable = Runnable::new(engines, linker, Parts { identity, component, grants, limits }).unwrap();
    Handler::new(Arc::new(runnable)).unwrap()
}

/// A GET of `path`, and whom it comes from.
pub(crate) fn request(path: &str) -> (http::Request<Body>, Peer) {
    let request = http::Request::get(format!("http://example.com{path}")).header("host", "example.com").body(Body::empty()).unwrap();
    (request, Peer { client: "127.0.0.1:9".parse().unwrap(), tls: false })
}

/// The status and body of a GET, or what broke either off.
pub(crate) async fn get(handler: &Handler, path: &str) -> Result<(u16, String), Fault> {
    let (request, peer) = request(path);
    answer(handler, request, peer).await
}

/// The status and body of the answer to `request`, or what broke either off.
pub(crate) async fn answer(handler: &Handler, request: http::Request<Body>, peer: Peer) -> Result<(u16, String), Fault> {
    let response = handler.handle(request, peer).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(broken_off)?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

/// Why a body broke off.
fn broken_off(error: BodyError) -> Fault {
    error.downcast::<Fault>().map_or_else(|error| Fault::Answer(error.to_string()), |fault| *fault)
}
