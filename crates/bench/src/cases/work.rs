//! What a deadline costs a guest that computes.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use coracle_base::clock;
use coracle_engine::{Limits, Settings};
use std::time::Duration;

use super::Case;
use crate::bench::Bench;
use crate::embedded;
use crate::plain::{Plain, Tuning};
use crate::record::{Metric, Run, Series};
use crate::subjects::CORACLE;
use crate::terminal::note;

/// Calls of each kind in one run, for each second of the plan.
const CALLS_PER_SECOND: f64 = 10.0;
/// More than any of the work takes: the deadline is there, and is not met.
const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) const UNINTERRUPTED: &str = "wasmtime, never interrupted";
pub(crate) const KINDS: [(&str, &str); 3] = [("integers", "/sieve"), ("floating point", "/orbits"), ("bits", "/digest")];

pub(super) const CASE: Case = Case {
    name: "work",
    title: "Work under a deadline",
    about: "A guest that computes for some milliseconds: a sieve of primes, the orbits of five bodies, a digest. Ours has a limit of CPU \
            time that can stop it at any moment; the plain row is the same component in wasmtime without any interruption, in the same \
            process. Times are CPU time of the thread, a new instance for each call.",
    untold: "Loops with much work between two checks pay less than these, and loops with less pay more.",
    peers: &[],
    run,
    columns: &[Metric::WorkMs],
    plot: Metric::WorkMs,
    reference: UNINTERRUPTED,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let guest = bench.guest("work")?;
    let limits = Limits { cpu: DEADLINE, ..Limits::default() };
    let handler = embedded::handler(&guest, &Settings::default(), limits)?;
    let plain = Plain::new(&guest, Tuning::Resident)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let calls = (CALLS_PER_SECOND * bench.plan.seconds).ceil() as usize;
    let mut all = Vec::new();
    for (group, path) in KINDS {
        let ours = || runtime.block_on(async { embedded::call(&handler, embedded::request(path)?).await });
        let theirs = || runtime.block_on(plain.call(path));
        ensure!(ours()? == theirs()?, "the results of {path} differ");
        let mut series = [Series::new(group, CORACLE), Series::new(group, UNINTERRUPTED)];
        for number in 0..bench.plan.runs {
            note(&format!("  {group}: run {} of {}", number + 1, bench.plan.runs));
            let mut times_ms = [Vec::new(), Vec::new()];
            for _ in 0..calls {
                let [first, second] = &mut times_ms;
                first.push(time_ms(&ours)?);
                second.push(time_ms(&theirs)?);
            }
            for (series, times_ms) in series.iter_mut().zip(&times_ms) {
                series.runs.push(Run::from([(Metric::WorkMs, crate::stats::median(times_ms))]));
            }
        }
        all.extend(series);
    }
    Ok(all)
}

/// The CPU time that a call takes of this thread.
fn time_ms(call: &dyn Fn() -> Result<Bytes>) -> Result<f64> {
    let begun_ns = clock::thread_cpu_ns();
    call().context("the work")?;
    Ok((clock::thread_cpu_ns() - begun_ns) as f64 / 1e6)
}
