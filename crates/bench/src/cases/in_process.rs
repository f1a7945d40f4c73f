//! One fresh instance for each call, in this process, without a socket: what a request costs besides HTTP.

use std::sync::Barrier;

use anyhow::{Result, ensure};
use coracle_base::{clock, shards};
use coracle_engine::{Limits, Settings};
use coracle_triggers::http::Handler;
use hdrhistogram::Histogram;

use super::Case;
use crate::bench::Bench;
use crate::embedded;
use crate::plain::{Plain, Tuning};
use crate::record::{Metric, Run, Series};
use crate::subjects::CORACLE;
use crate::terminal::note;

/// Calls of one thread in one run, for each second of the plan.
const CALLS_PER_SECOND: f64 = 10_000.0;

/// The longest call that is told apart from longer ones.
const CALL_NS_MAX: u64 = 10_000_000_000;

pub(crate) const PLAIN: &str = "wasmtime, pool";
pub(crate) const PLAIN_RESIDENT: &str = "wasmtime, pool, memory kept resident";

pub(super) const CASE: Case = Case {
    name: "in-process",
    title: "Instantiate, call, drop in process",
    about: "The hello guest without a socket: admission, a new instance, the call with an HTTP request, reading its answer, and the end of \
            the instance, timed call by call. The plain rows are wasmtime as its documentation embeds it, without limits, deadlines, \
            admission or metrics, in the same process. With two threads, each calls on its own at the same time.",
    untold: "Calls follow each other closely, so every cache is warm; between requests of a real server other code has run.",
    peers: &[],
    run,
    columns: &[Metric::P50Us, Metric::P99Us],
    plot: Metric::P50Us,
    reference: CORACLE,
};

enum Callee {
    Coracle(Handler),
    Plain(Plain),
}

impl Callee {
    /// The time of one call in nanoseconds.
    async fn call(&self) -> Result<u64> {
        let (begun_ns, body) = match self {
            Self::Coracle(handler) => {
                let request = embedded::request("/")?;
                (clock::monotonic_ns(), embedded::call(handler, request).await?)
            }
            Self::Plain(plain) => (clock::monotonic_ns(), plain.call("/").await?),
        };
        let spent_ns = clock::monotonic_ns().saturating_sub(begun_ns);
        ensure!(!body.is_empty(), "the guest said nothing");
        Ok(spent_ns)
    }
}

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("hello-p2")?;
    let callees = [
        (CORACLE, Callee::Coracle(embedded::handler(&guest, &Settings::default(), Limits::default())?)),
        (PLAIN, Callee::Plain(Plain::new(&guest, Tuning::Pool)?)),
        (PLAIN_RESIDENT, Callee::Plain(Plain::new(&guest, Tuning::Resident)?)),
    ];
    let cores = shards::cores().get();
    let calls = (CALLS_PER_SECOND * bench.plan.seconds) as usize;
    let mut all = Vec::new();
    for threads in [1, 2].into_iter().filter(|threads| *threads <= cores) {
        let group = group(threads);
        let mut series: Vec<_> = callees.iter().map(|(subject, _)| Series::new(group, *subject)).collect();
        for (_, callee) in &callees {
            calls_of(callee, threads, calls / 4)?;
        }
        for number in 0..bench.plan.runs {
            note(&format!("  {group}: run {} of {}", number + 1, bench.plan.runs));
            for ((_, callee), series) in callees.iter().zip(&mut series) {
                let times_ns = calls_of(callee, threads, calls)?;
                let us = |percent| times_ns.value_at_percentile(percent) as f64 / 1e3;
                series.runs.push(Run::from([(Metric::P50Us, us(50.0)), (Metric::P99Us, us(99.0))]));
            }
        }
        all.extend(series);
    }
    Ok(all)
}

/// The group of series with so many threads.
pub(crate) fn group(threads: usize) -> &'static str {
    if threads == 1 { "1 thread" } else { "2 threads" }
}

/// The times of `count` calls on each of `threads` at once.
fn calls_of(callee: &Callee, threads: usize, count: usize) -> Result<Histogram<u64>> {
    let ready = Barrier::new(threads);
    let times = std::thread::scope(|scope| {
        let ready = &ready;
        let begin = |_| {
            scope.spawn(move || -> Result<Histogram<u64>> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                ready.wait();
                let runtime = runtime?;
                runtime.block_on(async {
                    let mut times_ns = histogram()?;
                    for _ in 0..count {
                        times_ns.saturating_record(callee.call().await?);
                    }
                    Ok(times_ns)
                })
            })
        };
        let running: Vec<_> = (0..threads).map(begin).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut sum = histogram()?;
    for times in times {
        sum += times?;
    }
    Ok(sum)
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, CALL_NS_MAX, 3)?)
}
