//! One fresh instance for each call, in this process, without a socket: what a request costs besides HTTP.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use coracle_engine::{Compiler, Engines, GrantRequest, Identity, Limits, Loader, Settings, Site};
use coracle_host::{Parts, Runnable};
use coracle_triggers::http::{Body, Handler, Peer};
use http_body_util::BodyExt as _;

use crate::process::example;
use crate::stats::{Table, median, percentile};
use coracle_base::clock;

/// Calls of each run.
const CALLS: usize = 20_000;
/// Runs, of which the median counts.
const RUNS: usize = 5;

pub(crate) fn run() -> Result<Table> {
    let handler = handler()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(calls(&handler, CALLS / 4))?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let times = runtime.block_on(calls(&handler, CALLS))?;
        p50.push(percentile(&times, 50.0));
        p99.push(percentile(&times, 99.0));
    }
    let mut table = Table::new(&["guest", "p50 µs", "p99 µs"]);
    table.row(vec!["hello, WASI 0.2, fresh instance".to_owned(), format!("{:.1}", median(&p50)), format!("{:.1}", median(&p99))]);
    Ok(table)
}

fn handler() -> Result<Handler> {
    let engines = Arc::new(Engines::new(&Settings::default())?);
    let bytes = std::fs::read(example().join("hello.wasm")).context("the example")?;
    let component = Loader::new(Arc::clone(&engines), None, Compiler::InProcess).load(&bytes, &|_| {})?;
    let linker = coracle_capabilities::linker(engines.get(component.generation()), component.generation())?;
    let site = Site::default();
    let grants = coracle_capabilities::grants(&GrantRequest { component: "hello", grants: &Default::default(), site: &site })?;
    let identity = Identity { app: "bench".to_owned(), component: "hello".to_owned() };
    let runnable = Runnable::new(&engines, &linker, Parts { identity, component, grants, limits: Limits::default() })?;
    Ok(Handler::new(Arc::new(runnable))?)
}

/// The time of each call, in microseconds.
async fn calls(handler: &Handler, count: usize) -> Result<Vec<f64>> {
    let peer = Peer { client: std::net::SocketAddr::from(([127, 0, 0, 1], 1)), tls: false };
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let request = http::Request::get("http://localhost/").header("host", "localhost").body(Body::empty())?;
        let started = clock::now();
        let response = handler.handle(request, peer).await?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
        times.push(started.elapsed().as_secs_f64() * 1_000_000.0);
        if status != 200 || body.to_bytes().is_empty() {
            bail!("the guest answered {status}");
        }
    }
    Ok(times)
}
