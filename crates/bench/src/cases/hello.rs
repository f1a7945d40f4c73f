//! The smallest HTTP app, over keep-alive connections.

use anyhow::Result;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::load::{Requests, request};
use crate::peers::{deno, envoy, node, wasmtime, workerd};
use crate::record::{Metric, Series};
use crate::subjects::{
    CORACLE, CORACLE_P3, CORACLE_REUSE, DENO, ENVOY, NATIVE, NATIVE_SHARED, NODE, WASMTIME, WASMTIME_REUSE, WASMTIME_TUNED, WORKERD,
    WORKERD_WASM,
};

pub(super) const CASE: Case = Case {
    name: "hello",
    title: "HTTP hello",
    about: "A guest that greets with the path of the request, over 32 keep-alive connections with one request in flight on each. Coracle and \
            `wasmtime serve` run the same component and make a new instance for each request unless the row says otherwise; limits, \
            metrics and the account of each request are on. CPU time is the kernel's account of the server's processes, all threads.",
    untold: "The load comes from the same two cores, so requests per second are those of a machine that does both, and the CPU time of \
             a request is the fairer figure. A greeting says nothing of what an app itself costs. JavaScript servers keep one isolate \
             for all requests, which isolates none from the other.",
    peers: &[&wasmtime::PEER, &deno::PEER, &node::PEER, &workerd::PEER, &envoy::PEER],
    run,
    columns: &[Metric::RequestsPerS, Metric::CpuUs, Metric::KernelUs, Metric::P50Ms, Metric::P99Ms, Metric::IdleMib, Metric::ResidentMib],
    plot: Metric::CpuUs,
    reference: NATIVE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let contest = Contest::start(contestants(bench)?)?;
    contest.run(bench, &Discipline::closed("", Requests::one(request("GET", "localhost", "/", b""))))
}

fn contestants(bench: &Bench) -> Result<Vec<Contestant>> {
    let (guest, guest_p3) = (bench.guest("hello-p2")?, bench.guest("hello-p3")?);
    let app = App::new("hello", guest.clone());
    let mut contestants = vec![
        Contestant::new(CORACLE, bench.coracle(&app)?),
        Contestant::new(NATIVE, bench.native("per-core")?),
        Contestant::new(NATIVE_SHARED, bench.native("shared")?),
        Contestant::new(CORACLE_REUSE, bench.coracle(&App { name: "hello-reuse".to_owned(), ..app.reused() })?),
        Contestant::new(CORACLE_P3, bench.coracle(&App::new("hello-p3", guest_p3))?),
    ];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let cache = bench.wasmtime_cache()?;
        for (subject, mode) in
            [(WASMTIME, wasmtime::Mode::Fresh), (WASMTIME_TUNED, wasmtime::Mode::Tuned), (WASMTIME_REUSE, wasmtime::Mode::Reuse)]
        {
            contestants.push(Contestant::new(subject, wasmtime::serve(program, &guest, mode, &cache)?));
        }
    }
    let folder = bench.folder("scripts")?;
    if let Some(program) = bench.peer(&deno::PEER) {
        contestants.push(Contestant::new(DENO, deno::serve(program, &folder)?));
    }
    if let Some(program) = bench.peer(&node::PEER) {
        contestants.push(Contestant::new(NODE, node::serve(program, &folder)?));
    }
    if let Some(program) = bench.peer(&workerd::PEER) {
        contestants.push(Contestant::new(WORKERD, workerd::serve_script(program, &folder)?));
        contestants.push(Contestant::new(WORKERD_WASM, workerd::serve_wasm(program, &bench.guest("hello-core")?, &folder)?));
    }
    if let Some(program) = bench.peer(&envoy::PEER) {
        contestants.push(Contestant::new(ENVOY, envoy::serve(program, &folder)?));
    }
    Ok(contestants)
}
