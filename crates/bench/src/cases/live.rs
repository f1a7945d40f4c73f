//! What a live instance takes of memory.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Case;
use crate::bench::Bench;
use crate::live::{Grown, INSTANCES};
use crate::record::{Metric, Run, Series};
use crate::subjects::CORACLE;

pub(crate) const MADE: &str = "in the middle of a call";
pub(crate) const CALLED: &str = "after a call";

pub(super) const CASE: Case = Case {
    name: "live",
    title: "Live instances",
    about: "500 instances of the guest of the bodies case in a process of their own, once while each waits for the body of its request, once \
            when each has answered and waits for its next request (reuse). Memory is the growth of the process's private pages, divided; the \
            guest's pages are those of its linear memory that it wrote to.",
    untold: "A guest with more in its memory takes more, on every host. Slots keep up to 2 MiB of their memory when an instance ends, so a \
             process does not shrink by as much as is told here. A body that nobody reads adds up to 256 KiB to an instance that writes it.",
    peers: &[],
    run,
    columns: &[Metric::KibEach, Metric::DirtiedKibEach, Metric::HostKibEach],
    plot: Metric::HostKibEach,
    reference: CORACLE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let (program, guest, cache) = (bench.own_program("coracle-live")?, bench.guest("bodies")?, bench.folder("live-cache")?);
    let grow = || {
        let output = Command::new(&program).arg(&guest).arg(&cache).output().context("coracle-live")?;
        ensure!(output.status.success(), "coracle-live failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        serde_json::from_slice::<Grown>(&output.stdout).context("what coracle-live printed")
    };
    // The first compiles for the others.
    grow()?;
    let mut all = vec![Series::new(MADE, CORACLE), Series::new(CALLED, CORACLE)];
    for _ in 0..bench.plan.runs {
        let grown = grow()?;
        for (series, grown) in all.iter_mut().zip([grown.made, grown.called]) {
            let each = |kib: f64| kib / INSTANCES as f64;
            series.runs.push(Run::from([
                (Metric::KibEach, each(grown.private_kib)),
                (Metric::DirtiedKibEach, each(grown.guest_kib)),
                (Metric::HostKibEach, each(grown.private_kib - grown.guest_kib)),
            ]));
        }
    }
    Ok(all)
}
