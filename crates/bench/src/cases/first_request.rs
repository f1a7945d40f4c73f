//! The first request to an app that was deployed and is not loaded.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use coracle_app::App;
use coracle_base::clock;
use coracle_engine::{ArtifactCache, Compiler};
use coracle_host::{Host, Options, Placement, Workload};
use coracle_triggers::http::HttpApp;
use http_body_util::BodyExt as _;

use super::Case;
use crate::bench::Bench;
use crate::embedded::{self, PEER};
use crate::record::{Metric, Run, Series};
use crate::stats::percentile;
use crate::subjects::CORACLE;
use crate::terminal::note;

/// Loads of one run.
const LOADS: usize = 200;
/// What the cache of compiled code may take.
const CACHE_BYTES_MAX: u64 = 1 << 30;

pub(super) const CASE: Case = Case {
    name: "first-request",
    title: "First request to an app that is not loaded",
    about: "In a running process whose cache has the app's compiled code: making the app ready (its component found, checked, mapped, \
            linked, granted, its routes built), one request, and its answer. The app is let go of before the next time.",
    untold: "The app's files are in the kernel's page cache.",
    peers: &[],
    run,
    columns: &[Metric::P50Us, Metric::P99Us],
    plot: Metric::P50Us,
    reference: CORACLE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let folder = crate::app::App::new("first-request", bench.guest("hello-p2")?).write(&bench.folder("apps")?)?;
    let app = read(&folder)?;
    let cache = ArtifactCache::open(&bench.folder("first-request-cache")?, CACHE_BYTES_MAX)?;
    let host = Host::new(Options { cache: Some(cache), compiler: Compiler::InProcess, ..Options::default() })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut series = Series::new("", CORACLE);
    runtime.block_on(load_us(&host, &app, &folder))?;
    for number in 0..bench.plan.runs {
        note(&format!("  run {} of {}", number + 1, bench.plan.runs));
        let times_us: Vec<f64> = (0..LOADS).map(|_| runtime.block_on(load_us(&host, &app, &folder))).collect::<Result<_>>()?;
        series.runs.push(Run::from([(Metric::P50Us, percentile(&times_us, 50.0)), (Metric::P99Us, percentile(&times_us, 99.0))]));
    }
    Ok(vec![series])
}

fn read(folder: &Path) -> Result<App> {
    let text = std::fs::read_to_string(folder.join("coracle.toml"))?;
    coracle_app::load(&text, "coracle.toml", None, None).context("the app's manifest")
}

/// Makes the app ready, asks it once, and lets go of it; the time to the answer in microseconds.
async fn load_us(host: &Host, app: &App, folder: &Path) -> Result<f64> {
    let app = app.clone();
    let request = embedded::request("/")?;
    let begun = clock::now();
    let workload = Workload::start(host, app, Placement { folder: folder.to_owned(), ..Placement::default() }).await?;
    let (http, _) = HttpApp::new(&workload)?;
    let response = http.call(request, PEER).await;
    let status = response.status();
    response.into_body().collect().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let elapsed_us = begun.elapsed().as_secs_f64() * 1e6;
    ensure!(status == 200, "the app answered {status}");
    Ok(elapsed_us)
}
