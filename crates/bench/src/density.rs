//! Many apps in one process, told apart by the host that they are asked for. A program of its own (`coracle-density`) serves them, so that
//! its memory is theirs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use coracle_engine::{ArtifactCache, Compiler};
use coracle_gateway::{Listener, Server, Service, Settings};
use coracle_host::{Host, Options, Placement, Workload};
use coracle_triggers::http::{Body, HttpApp, Peer};
use http::{Request, Response, StatusCode};

use crate::app;

/// Different codes among the apps: the n-th app has code n modulo this many.
const CODES: usize = 20;
/// What the cache of compiled code may take.
const CACHE_BYTES_MAX: u64 = 1 << 30;

/// Many apps by the host that they answer for.
struct Apps {
    by_host: HashMap<String, Arc<HttpApp>>,
    _workloads: Vec<Workload>,
}

/// The host of an app.
pub(crate) fn host_of(number: usize) -> String {
    format!("app-{number}.example")
}

/// Serves `count` apps at `address` until the process is killed. Their files are made in `folder`, and `cache` has their compiled code.
///
/// # Errors
/// When an app cannot be made ready, or the address not be listened on.
pub fn serve(address: SocketAddr, count: usize, folder: &Path, cache: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cache = ArtifactCache::open(cache, CACHE_BYTES_MAX)?;
    let host = Host::new(Options { cache: Some(cache), compiler: Compiler::InProcess, ..Options::default() })?;
    let apps = runtime.block_on(Apps::deploy(&host, count, folder))?;
    let _server = Server::start(Listener::bind(address)?, Settings::default(), apps)?;
    runtime.block_on(std::future::pending::<()>());
    Ok(())
}

impl Apps {
    /// Makes `count` apps ready.
    async fn deploy(host: &Host, count: usize, folder: &Path) -> Result<Self> {
        let guest = coracle_testkit::built("hello-p2")?;
        for code in 0..CODES.min(count) {
            std::fs::write(folder.join(file_of(code)), variant(&guest, code)).context("a guest's file")?;
        }
        let (mut by_host, mut workloads) = (HashMap::new(), Vec::new());
        for number in 0..count {
            let manifest = app::App::new(&format!("app-{number}"), file_of(number % CODES).into()).manifest();
            let app = coracle_app::load(&manifest, "coracle.toml", None, None).context("an app's manifest")?;
            let placement = Placement { folder: folder.to_owned(), ..Placement::default() };
            let workload = Workload::start(host, app, placement).await?;
            let (http, _) = HttpApp::new(&workload)?;
            by_host.insert(host_of(number), http);
            workloads.push(workload);
        }
        Ok(Self { by_host, _workloads: workloads })
    }
}

impl Service for Apps {
    async fn call(&self, request: Request<Body>, peer: Peer) -> Response<Body> {
        let app = request.uri().authority().and_then(|authority| self.by_host.get(authority.as_str()));
        match app {
            Some(app) => app.call(request, peer).await,
            // Also what is asked to learn whether the server is there.
            None if request.uri().path() == "/ready" => Response::new(Body::empty()),
            None => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }
}

fn file_of(code: usize) -> String {
    format!("guest-{code}.wasm")
}

/// `guest` with a section that nothing reads: the same program with other bytes, so that it is compiled, mapped and kept on its own.
fn variant(guest: &[u8], code: usize) -> Vec<u8> {
    let payload = format!("{code:04}");
    let (name, mut bytes) = (b"variant", guest.to_vec());
    // Section 0, its length, and the length of its name: each fits one byte.
    bytes.extend_from_slice(&[0, (1 + name.len() + payload.len()) as u8, name.len() as u8]);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_components_of_their_own() {
        let empty = [0, 97, 115, 109, 13, 0, 1, 0];
        let [one, two] = [variant(&empty, 1), variant(&empty, 2)];
        assert_ne!(one, two);
        let engine = wasmtime::Engine::default();
        wasmtime::component::Component::new(&engine, one).unwrap();
    }
}
