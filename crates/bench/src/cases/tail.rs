//! How long the slowest wait, below the greatest load, and beside a neighbour that burns what it may.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::Case;
use crate::app::App;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline, Running, load, measure};
use crate::load::{Requests, Shape, request};
use crate::peers::wasmtime;
use crate::record::{Metric, Series};
use crate::server::{Server, status_line};
use crate::subjects::{CORACLE, NATIVE, WASMTIME};
use crate::terminal::note;

/// The share of the greatest load that is offered.
const SHARE: f64 = 0.7;
/// The load that is sustained has at least this share of its answers while it lasts: what is less leaves a queue that grows.
const SUSTAINED: f64 = 0.99;
/// Rates that are tried to find the greatest load: each halves what is not known yet, of which 3 % are left.
const TRIES: usize = 5;
/// Connections that the requests of the open loop are sent over.
const OPEN_CONNECTIONS: usize = 64;
/// After a question to the neighbour that failed at once.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) const ALONE: &str = "alone";
pub(crate) const NEIGHBOUR: &str = "beside a busy neighbour";

pub(super) const CASE: Case = Case {
    name: "tail",
    title: "The tail",
    about: "The hello guest at 70 % of the greatest load that the same server sustained just before, found by halving: requests are due at \
            fixed times over 64 connections, and their time counts from then. A load is sustained when 99 % of it are answered while it \
            lasts. It is less than the throughput of a closed loop, because the generator and the server sleep and wake for nearly each \
            request. The neighbour is another component of the same process that never ends, asked again as soon as its limit of one \
            second of CPU time has stopped it, so that one core is always wanted by it.",
    untold: "Client and server share the two cores, and a client that is late counts as a server that is late. `wasmtime serve` has no \
             second app in its process to be a neighbour.",
    peers: &[&wasmtime::PEER],
    run,
    columns: &[Metric::P50Ms, Metric::P99Ms, Metric::OfferedPerS, Metric::RequestsPerS, Metric::Failed],
    plot: Metric::P99Ms,
    reference: NATIVE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("hello-p2")?;
    let mut app = App::new("tail", guest.clone());
    app.neighbour = Some(bench.guest("work")?);
    let mut contestants = vec![Contestant::new(CORACLE, bench.coracle(&app)?), Contestant::new(NATIVE, bench.native("per-core")?)];
    if let Some(program) = bench.peer(&wasmtime::PEER) {
        let launch = wasmtime::serve(program, &guest, wasmtime::Mode::Fresh, &bench.wasmtime_cache()?)?;
        contestants.push(Contestant::new(WASMTIME, launch));
    }
    let contest = Contest::start(contestants)?;
    let requests = Requests::one(request("GET", "localhost", "/", b""));
    let open = |per_second| Discipline {
        connections: OPEN_CONNECTIONS,
        shape: Some(Shape::Open { per_second }),
        ..Discipline::closed(ALONE, requests.clone())
    };
    let mut entries = Vec::new();
    for Running { subject, server, .. } in contest.running() {
        let greatest = greatest(bench, server, &open).with_context(|| subject.clone())?;
        let open = open((greatest * SHARE).round().max(1.0));
        entries.push((server, open.clone(), Series::new(ALONE, subject.clone())));
        if subject == CORACLE {
            entries.push((server, open, Series::new(NEIGHBOUR, subject.clone())));
        }
    }
    for number in 0..bench.plan.runs {
        note(&format!("  run {} of {}", number + 1, bench.plan.runs));
        for (server, discipline, series) in &mut entries {
            let measure = || measure(server, discipline, bench.time());
            let found = if series.group == NEIGHBOUR { beside(server, measure) } else { measure() };
            series.runs.push(found?);
        }
    }
    let mut all: Vec<Series> = entries.into_iter().map(|(.., series)| series).collect();
    all.sort_by_key(|series| series.group == NEIGHBOUR);
    Ok(all)
}

/// The requests in a second that `server` keeps up with when they come at times of their own.
fn greatest(bench: &Bench, server: &Server, open: &impl Fn(f64) -> Discipline) -> Result<f64> {
    let closed = Discipline { shape: None, ..open(1.0) };
    load(server, &closed, bench.warm_up()).run()?;
    let (mut sustained, mut too_much) = (0.0, load(server, &closed, bench.warm_up()).run()?.per_second());
    for _ in 0..TRIES {
        let per_second = f64::midpoint(sustained, too_much);
        let outcome = load(server, &open(per_second), bench.warm_up()).run()?;
        *(if outcome.per_second() >= per_second * SUSTAINED { &mut sustained } else { &mut too_much }) = per_second;
    }
    if sustained == 0.0 {
        bail!("it keeps up with not even {too_much:.0} requests in a second");
    }
    Ok(sustained)
}

/// Measures while the neighbour is busy.
fn beside<T>(server: &Server, measure: impl FnOnce() -> Result<T>) -> Result<T> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // It ends with an error each time: the limit is what it runs into.
                if status_line(server.address, "/neighbour/forever").is_err() {
                    std::thread::sleep(PAUSE);
                }
            }
        });
        let measured = measure();
        is_over.store(true, Ordering::Relaxed);
        measured
    })
}
