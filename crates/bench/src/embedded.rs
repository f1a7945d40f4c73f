//! Coracle in this process: one component behind its handler, without a socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use coracle_engine::{Compiler, Engines, GrantRequest, Identity, Limits, Loader, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_triggers::http::{Body, Handler, Peer};
use http_body_util::BodyExt as _;

/// Where requests seem to come from.
pub(crate) const PEER: Peer = Peer { client: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1), tls: false };

/// The handler of `guest` under `limits`.
pub(crate) fn handler(guest: &Path, settings: &Settings, limits: Limits) -> Result<Handler> {
    let engines = Arc::new(Engines::new(settings)?);
    let bytes = std::fs::read(guest).with_context(|| format!("no guest at {}", guest.display()))?;
    let component = Loader::new(Arc::clone(&engines), None, Compiler::InProcess).load(&bytes, &|_| {})?;
    let linker = coracle_capabilities::linker(engines.get(component.generation()), component.generation())?;
    let site = Site::default();
    let grants = coracle_capabilities::grants(&GrantRequest { component: "guest", grants: &Default::default(), site: &site })?;
    let identity = Identity { app: "bench".to_owned(), component: "guest".to_owned() };
    let runnable = Runnable::new(&engines, &linker, Parts { identity, component, grants, limits })?;
    Ok(Handler::new(Arc::new(runnable))?)
}

/// A request for `path`, as the gateway hands it on.
pub(crate) fn request(path: &str) -> Result<http::Request<Body>> {
    Ok(http::Request::get(format!("http://localhost{path}")).header("host", "localhost").body(Body::empty())?)
}

/// Makes an instance, calls it, and drops it; the answer's body.
pub(crate) async fn call(handler: &Handler, request: http::Request<Body>) -> Result<Bytes> {
    let response = handler.handle(request, PEER).await?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    if status != 200 {
        bail!("the guest answered {status}");
    }
    Ok(body.to_bytes())
}
