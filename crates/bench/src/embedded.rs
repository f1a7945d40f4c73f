//! Coracle in this process: one component behind its handler, without a socket.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use coracle_engine::{ArtifactCache, Bind, Compiler, Engines, GrantRequest, Identity, Limits, Loader, RuntimeConfig, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_triggers::http::{Body, Handler, Peer};
use http_body_util::BodyExt as _;
use serde_json::Value;

/// Where requests seem to come from.
pub(crate) const PEER: Peer = Peer { client: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1), tls: false };

/// What a guest is granted, what stands behind it, and where it was compiled before.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) grants: BTreeMap<String, Value>,
    /// The runtime configuration.
    pub(crate) config: toml::Table,
    /// Where its compiled code is kept, if anywhere.
    pub(crate) cache: Option<ArtifactCache>,
}

/// The handler of `guest` under `limits`, which is granted nothing.
pub(crate) fn handler(guest: &Path, settings: &Settings, limits: Limits) -> Result<Handler> {
    handler_given(guest, settings, limits, Given::default())
}

/// The handler of `guest` under `limits` with what it is `given`.
pub(crate) fn handler_given(guest: &Path, settings: &Settings, limits: Limits, given: Given) -> Result<Handler> {
    let engines = Arc::new(Engines::new(settings)?);
    let bytes = std::fs::read(guest).with_context(|| format!("no guest at {}", guest.display()))?;
    let component = Loader::new(Arc::clone(&engines), given.cache, Compiler::InProcess).load(&bytes, &|_| {})?;
    let linker = coracle_capabilities::linker(engines.get(component.generation()), component.generation())?;
    let mut site = Site::default();
    let labels = |value: &Value| value.as_array().into_iter().flatten().filter_map(|label| label.as_str().map(str::to_owned)).collect();
    let labels = given.grants.iter().map(|(key, value)| (key.clone(), labels(value))).collect();
    let mut config = RuntimeConfig::new(given.config, None);
    coracle_capabilities::bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels })?;
    let grants = coracle_capabilities::grants(&GrantRequest { component: "guest", grants: &given.grants, site: &site })?;
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
