//! From the start of a process to its first answer.

use anyhow::Result;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::peers::{deno, envoy, node, wasmtime, workerd};
use crate::record::{Metric, Run, Series};
use crate::server::{Launch, Server};
use crate::subjects::{CORACLE, DENO, ENVOY, NATIVE, NODE, WASMTIME, WORKERD};
use crate::terminal::note;

/// Starts of each server, for each run of the plan: a start takes milliseconds, so more of them cost little.
const STARTS: usize = 3;

const WARM: &str = "warm cache";
const EMPTY: &str = "empty cache";

pub(super) const CASE: Case = Case {
    name: "cold-start",
    title: "Cold start",
    about: "From the start of the process to its first answer with 200, asked for over a new connection again and again until it comes. \
            With a warm cache, code that an earlier start compiled is there; with an empty one, the start compiles it.",
    untold: "All files are in the kernel's page cache; the first start after a boot also reads them from the disk.",
    peers: &[&wasmtime::PEER, &deno::PEER, &node::PEER, &workerd::PEER, &envoy::PEER],
    run,
    columns: &[Metric::StartMs, Metric::IdleMib],
    plot: Metric::StartMs,
    reference: CORACLE,
};

/// A server, and how its cache is emptied before a start.
struct Starter {
    series: Series,
    launch: Box<dyn Fn() -> Result<Launch>>,
    starts: usize,
}

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let mut starters = starters(bench)?;
    // Fills caches.
    for starter in &starters {
        Server::start(&(starter.launch)()?)?;
    }
    for turn in 0..bench.plan.runs * STARTS {
        note(&format!("  start {} of {}", turn + 1, bench.plan.runs * STARTS));
        for starter in starters.iter_mut().filter(|starter| turn < starter.starts) {
            let server = Server::start(&(starter.launch)()?)?;
            let idle_mib = server.processes().resident_mib();
            starter.series.runs.push(Run::from([(Metric::StartMs, server.start_ms), (Metric::IdleMib, idle_mib)]));
        }
    }
    Ok(starters.into_iter().map(|starter| starter.series).collect())
}

fn starters(bench: &Bench) -> Result<Vec<Starter>> {
    let (often, seldom) = (bench.plan.runs * STARTS, bench.plan.runs);
    let guest = bench.guest("hello-p2")?;
    let folder = bench.folder("scripts")?;
    let app = App::new("hello", guest.clone());
    let mut warm: Vec<(&str, Launch)> = vec![(CORACLE, bench.coracle(&app)?), (NATIVE, bench.native("per-core")?)];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        warm.push((WASMTIME, wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?));
    }
    if let Some(program) = bench.peer(&deno::PEER) {
        warm.push((DENO, deno::serve(program, &folder)?));
    }
    if let Some(program) = bench.peer(&node::PEER) {
        warm.push((NODE, node::serve(program, &folder)?));
    }
    if let Some(program) = bench.peer(&workerd::PEER) {
        warm.push((WORKERD, workerd::serve_script(program, &folder)?));
    }
    if let Some(program) = bench.peer(&envoy::PEER) {
        warm.push((ENVOY, envoy::serve(program, &folder)?));
    }
    let warm = warm.into_iter().map(|(subject, launch)| Starter {
        series: Series::new(WARM, subject),
        launch: Box::new(move || Ok(launch.clone())),
        starts: often,
    });
    let mut starters: Vec<_> = warm.collect();
    let empty = bench.folder("empty")?;
    let launch = bench.coracle_with_cache(&app, &empty)?;
    starters.push(emptied(CORACLE, launch, empty, seldom));
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let empty = bench.folder("wasmtime-empty")?;
        let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &empty)?;
        starters.push(emptied(WASMTIME, launch, empty, seldom));
    }
    Ok(starters)
}

/// A server whose cache is thrown away before each start.
fn emptied(subject: &str, launch: Launch, cache: std::path::PathBuf, starts: usize) -> Starter {
    let launch = move || {
        if cache.exists() {
            std::fs::remove_dir_all(&cache)?;
        }
        std::fs::create_dir_all(&cache)?;
        Ok(launch.clone())
    };
    Starter { series: Series::new(EMPTY, subject), launch: Box::new(launch), starts }
}
