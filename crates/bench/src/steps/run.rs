//! How each step is done. One thread does the counted work and nothing else: this one, or the only worker of a server.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use coracle_app::http::{Route, RouteEntry, RouteTable};
use coracle_engine::{ArtifactCache, Compiler, Engines, GrantRequest, Identity, Limits, Loader, Reuse, Settings, Site};
use coracle_gateway::{Listener, Server, Service, Settings as GatewaySettings};
use coracle_host::{Host, Options, Parts, Placement, Runnable, Workload};
use coracle_triggers::http::{Body, Handler, HttpApp, Peer};
use std::time::Duration;

use crate::embedded;

/// Address space is scarce under valgrind, and one instance lives at a time.
const INSTANCES_MAX: u32 = 4;
/// What the cache of compiled code may take.
const CACHE_BYTES_MAX: u64 = 1 << 30;
/// Routes of the table that is searched.
const ROUTES: usize = 20;
/// The longest answer of a server here.
const ANSWER_BYTES_MAX: usize = 4 << 10;

fn settings() -> Settings {
    Settings { instances_max: INSTANCES_MAX, ..Settings::default() }
}

fn guest() -> Result<Vec<u8>> {
    coracle_testkit::built("hello-p2")
}

/// Compiles the guest into the cache. Under valgrind, which has another processor than the machine.
///
/// # Errors
/// When the guest or the cache is missing.
pub fn prepare(cache: &Path) -> Result<()> {
    let engines = Arc::new(Engines::new(&settings())?);
    let cache = ArtifactCache::open(cache, CACHE_BYTES_MAX)?;
    Loader::new(engines, Some(cache), Compiler::InProcess).load(&guest()?, &|_| {})?;
    Ok(())
}

fn runnable(cache: &Path, limits: Limits) -> Result<Arc<Runnable>> {
    let engines = Arc::new(Engines::new(&settings())?);
    ensure!(engines.is_pooled(), "there is no room for the pool");
    let cache = ArtifactCache::open(cache, CACHE_BYTES_MAX)?;
    let component = Loader::new(Arc::clone(&engines), Some(cache), Compiler::Off).load(&guest()?, &|_| {})?;
    let linker = coracle_capabilities::linker(engines.get(component.generation()), component.generation())?;
    let site = Site::default();
    let grants = coracle_capabilities::grants(&GrantRequest { component: "guest", grants: &Default::default(), site: &site })?;
    let identity = Identity { app: "bench".to_owned(), component: "guest".to_owned() };
    Ok(Arc::new(Runnable::new(&engines, &linker, Parts { identity, component, grants, limits })?))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

pub(super) fn route(_: &Path, count: usize) -> Result<()> {
    let entry = |number| {
        let route = Route::parse(&format!("/api/v{number}/:thing/...")).context("the route")?;
        Ok(RouteEntry { id: format!("r{number}"), route, hosts: Vec::new(), methods: Vec::new(), value: number })
    };
    let entries = (0..ROUTES).map(entry).collect::<Result<Vec<_>>>()?;
    let (table, _) = RouteTable::new(entries);
    for _ in 0..count {
        let found = table.find("GET", "localhost:3000", std::hint::black_box("/api/v17/chair/parts/4"));
        ensure!(found.is_some_and(|found| *found.value == 17), "the route is not found");
    }
    Ok(())
}

pub(super) fn admit(cache: &Path, count: usize) -> Result<()> {
    let runnable = runnable(cache, Limits::default())?;
    runtime()?.block_on(async {
        for _ in 0..count {
            drop(runnable.admit().await?);
        }
        Ok(())
    })
}

pub(super) fn instantiate(cache: &Path, count: usize) -> Result<()> {
    let runnable = runnable(cache, Limits::default())?;
    runtime()?.block_on(async {
        for _ in 0..count {
            let mut store = runnable.store()?;
            runnable.pre()?.instantiate_async(&mut store).await.map_err(anyhow::Error::from)?;
        }
        Ok(())
    })
}

pub(super) fn call(cache: &Path, count: usize) -> Result<()> {
    let reuse = Reuse { requests_max: u32::MAX, concurrent_max: 1, idle: Duration::from_secs(3_600) };
    calls(cache, Limits { reuse: Some(reuse), ..Limits::default() }, count)
}

pub(super) fn handle(cache: &Path, count: usize) -> Result<()> {
    calls(cache, Limits::default(), count)
}

fn calls(cache: &Path, limits: Limits, count: usize) -> Result<()> {
    let handler = Handler::new(runnable(cache, limits)?)?;
    runtime()?.block_on(async {
        for _ in 0..count {
            let body = embedded::call(&handler, embedded::request("/")?).await?;
            ensure!(!body.is_empty(), "the guest said nothing");
        }
        Ok(())
    })
}

/// A service that knows its answer.
struct Fixed;

impl Service for Fixed {
    async fn call(&self, _: http::Request<Body>, _: Peer) -> http::Response<Body> {
        http::Response::new(Body::full("hello from /\n"))
    }
}

pub(super) fn exchange(_: &Path, count: usize) -> Result<()> {
    ask(&start(Fixed)?, count)
}

pub(super) fn request(cache: &Path, count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hello.wasm"), guest()?)?;
    let app = crate::app::App::new("hello", "hello.wasm".into()).manifest();
    let app = coracle_app::load(&app, "coracle.toml", None, None).context("the app's manifest")?;
    let cache = ArtifactCache::open(cache, CACHE_BYTES_MAX)?;
    let host = Host::new(Options { settings: settings(), cache: Some(cache), compiler: Compiler::Off, ..Options::default() })?;
    let placement = Placement { folder: folder.path().to_owned(), ..Placement::default() };
    let workload = runtime()?.block_on(Workload::start(&host, app, placement))?;
    let (http, _) = HttpApp::new(&workload)?;
    ask(&start(http)?, count)
}

fn start(service: impl Service) -> Result<Server> {
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(Server::start(listener, GatewaySettings { workers: NonZeroUsize::MIN, ..GatewaySettings::default() }, service)?)
}

/// Asks `server` so many times over one connection, one request after the other.
fn ask(server: &Server, count: usize) -> Result<()> {
    let mut stream = TcpStream::connect(server.local_addr())?;
    stream.set_nodelay(true)?;
    let mut answer = [0; ANSWER_BYTES_MAX];
    for _ in 0..count {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n\r\n")?;
        // The answers here are short and are written at once.
        let read = stream.read(&mut answer)?;
        let answer = answer.get(..read).unwrap_or_default();
        ensure!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"hello from /\n"), "an answer is not as expected");
    }
    Ok(())
}
