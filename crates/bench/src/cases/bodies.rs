//! Bodies of two sizes in both directions, streamed.

use anyhow::Result;

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::load::{Requests, request};
use crate::peers::wasmtime;
use crate::record::{Metric, Series};
use crate::subjects::{CORACLE, NATIVE, WASMTIME};

pub(crate) const SMALL_UP: &str = "1 KiB up";
pub(crate) const SMALL_DOWN: &str = "1 KiB down";
pub(crate) const LARGE_UP: &str = "1 MiB up";
pub(crate) const LARGE_DOWN: &str = "1 MiB down";

const SIZES: &[(&str, usize)] = &[(SMALL_UP, 1 << 10), (SMALL_DOWN, 1 << 10), (LARGE_UP, 1 << 20), (LARGE_DOWN, 1 << 20)];

pub(super) const CASE: Case = Case {
    name: "bodies",
    title: "Bodies",
    about: "A guest that reads a request's body to its end and answers with its length (up), or writes a body of that many bytes in pieces \
            of at most 64 KiB without announcing its length (down), over 32 connections. The native server does the same through hyper's \
            streams. Memory is taken at the end of the load, while all connections are open.",
    untold: "Client and server copy through the same two cores and the loopback device, which has no packets to lose and no bandwidth to \
             run out of. Where TCP paces what it sends, as BBR does, it sets timers for the loopback device, too, and a server that leaves \
             pauses while it sends is paced more.",
    peers: &[&wasmtime::PEER],
    run,
    columns: &[Metric::MibPerS, Metric::RequestsPerS, Metric::CpuUs, Metric::KernelUs, Metric::P50Ms, Metric::P99Ms, Metric::ResidentMib],
    plot: Metric::MibPerS,
    reference: NATIVE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("bodies")?;
    let mut contestants = vec![
        Contestant::new(CORACLE, bench.coracle(&App::new("bodies", guest.clone()))?),
        Contestant::new(NATIVE, bench.native("per-core")?),
    ];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?;
        contestants.push(Contestant::new(WASMTIME, launch));
    }
    for contestant in &mut contestants {
        contestant.launch = contestant.launch.clone().ready_at("/down/0");
    }
    let contest = Contest::start(contestants)?;
    let mut all = Vec::new();
    for discipline in disciplines() {
        all.extend(contest.run(bench, &discipline)?);
    }
    Ok(all)
}

/// Each size in each direction.
pub(crate) fn disciplines() -> impl Iterator<Item = Discipline> {
    SIZES.iter().map(|(group, bytes)| {
        let request = if group.ends_with("up") {
            request("POST", "localhost", "/up", &vec![b'x'; *bytes])
        } else {
            request("GET", "localhost", &format!("/down/{bytes}"), b"")
        };
        Discipline { body_bytes: Some(*bytes as u64), ..Discipline::closed(*group, Requests::one(request)) }
    })
}
