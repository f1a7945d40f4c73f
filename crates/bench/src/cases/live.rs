//! What a live instance takes of memory.

use anyhow::{Context as _, Result};
use coracle_engine::{Limits, Reuse, Settings};
use coracle_triggers::http::{Body, Handler};
use futures::future::try_join_all;
use http_body_util::BodyExt as _;
use std::time::Duration;

use super::Case;
use crate::bench::Bench;
use crate::embedded::{self, PEER};
use crate::processes::{Mapped, mapped};
use crate::record::{Metric, Run, Series};
use crate::subjects::CORACLE;

/// Instances that live at once.
const INSTANCES: usize = 500;

pub(crate) const MADE: &str = "in the middle of a call";
pub(crate) const CALLED: &str = "after a call";

pub(super) const CASE: Case = Case {
    name: "live",
    title: "Live instances",
    about: "500 instances of the guest of the bodies case in this process, once while each waits for somebody to read the body that it \
            writes, once when each has answered and waits for its next request (reuse). Memory is the growth of the process's private pages, \
            divided; the guest's pages are those of its linear memory that it wrote to.",
    untold: "A guest with more in its memory takes more, on every host. Slots keep up to 2 MiB of their memory when an instance ends, so a \
             process does not shrink by as much as is told here.",
    peers: &[],
    run,
    columns: &[Metric::KibEach, Metric::DirtiedKibEach, Metric::HostKibEach],
    plot: Metric::HostKibEach,
    reference: CORACLE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let mut all = vec![Series::new(MADE, CORACLE), Series::new(CALLED, CORACLE)];
    for _ in 0..bench.plan.runs {
        let [made, called] = grow(bench)?;
        for (series, grown) in all.iter_mut().zip([made, called]) {
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

/// The growth with all instances in a call, and after it. A new engine each time: its slots have not been used.
fn grow(bench: &Bench) -> Result<[Mapped; 2]> {
    let reuse = Reuse { requests_max: 1_000, concurrent_max: 1, idle: Duration::from_secs(600) };
    let limits = Limits { concurrency: INSTANCES, reuse: Some(reuse), ..Limits::default() };
    let settings = Settings { instances_max: 2 * INSTANCES as u32, ..Settings::default() };
    let handler = embedded::handler(&bench.guest("bodies")?, &settings, limits)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // What is made once for all instances is made before.
        read(begin(&handler).await?).await?;
        let before = mapped()?;
        let waiting = try_join_all((0..INSTANCES).map(|_| begin(&handler))).await?;
        let made = mapped()?;
        try_join_all(waiting.into_iter().map(read)).await?;
        let called = mapped()?;
        Ok([made.since(before), called.since(before)])
    })
}

/// Asks for a body that is longer than what the host holds for its reader, and does not read it.
async fn begin(handler: &Handler) -> Result<http::Response<Body>> {
    Ok(handler.handle(embedded::request("/down/1048576")?, PEER).await?)
}

async fn read(response: http::Response<Body>) -> Result<()> {
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame.map_err(|error| anyhow::anyhow!("{error}")).context("the guest's body")?;
    }
    Ok(())
}
