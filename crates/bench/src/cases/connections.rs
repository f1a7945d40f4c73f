//! One connection, many, and very many that mostly wait.

use anyhow::Result;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::load::{Requests, Shape, request};
use crate::peers::wasmtime;
use crate::record::{Metric, Series};
use crate::subjects::{CORACLE, NATIVE, WASMTIME};

/// Requests in flight at most, so that the many connections are about connections.
const IN_FLIGHT_MAX: usize = 64;

pub(crate) const MANY: &str = "10,000 connections";

const COUNTS: &[(&str, usize)] = &[("1 connection", 1), ("64 connections", 64), (MANY, 10_000)];

pub(super) const CASE: Case = Case {
    name: "connections",
    title: "Connections",
    about: "The hello guest over 1, 64 and 10,000 keep-alive connections. Of the 10,000, 64 have a request in flight at any moment, and they \
            take turns, so that each connection rests between two requests. Memory is taken while all of them are open.",
    untold: "All connections come from one machine that loses no packets.",
    peers: &[&wasmtime::PEER],
    run,
    columns: &[Metric::RequestsPerS, Metric::CpuUs, Metric::P50Ms, Metric::P99Ms, Metric::ResidentMib, Metric::Failed],
    plot: Metric::RequestsPerS,
    reference: NATIVE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("hello-p2")?;
    let mut contestants = vec![
        Contestant::new(CORACLE, bench.coracle(&App::new("connections", guest.clone()))?),
        Contestant::new(NATIVE, bench.native("per-core")?),
    ];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?;
        contestants.push(Contestant::new(WASMTIME, launch));
    }
    let contest = Contest::start(contestants)?;
    let mut all = Vec::new();
    for (group, connections) in COUNTS {
        let discipline = Discipline {
            connections: *connections,
            shape: Some(Shape::Closed { in_flight: IN_FLIGHT_MAX.min(*connections) }),
            ..Discipline::closed(*group, Requests::one(request("GET", "localhost", "/", b"")))
        };
        all.extend(contest.run(bench, &discipline)?);
    }
    Ok(all)
}
