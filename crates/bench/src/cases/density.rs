//! Many apps in one process.

use anyhow::Result;

use super::Case;
use crate::bench::Bench;
use crate::contest::{Contest, Contestant, Discipline};
use crate::density::host_of;
use crate::load::{Requests, request};
use crate::record::{Metric, Run, Series};
use crate::server::{Launch, Server, free_address};
use crate::subjects::CORACLE;
use crate::terminal::note;

const COUNTS: [(&str, usize); 3] = [("10 apps", 10), ("1,000 apps", 1_000), (MANY, 10_000)];
pub(crate) const MANY: &str = "10,000 apps";
/// Requests after which their order begins anew.
const ORDER: usize = 65_536;

pub(super) const CASE: Case = Case {
    name: "density",
    title: "Many apps in one process",
    about: "10, 1,000 and 10,000 hello apps in one process, each with a manifest, grants and routes of its own, and one of twenty codes. \
            Memory of an idle app is what the process has more than the same process with no app, divided. Then requests follow Zipf's law: \
            the second app is asked half as often as the first, the third a third as often, and so on.",
    untold: "The apps are small. What of an app's code is mapped counts once for all apps that share it.",
    peers: &[],
    run,
    columns: &[
        Metric::KibEach,
        Metric::IdleMib,
        Metric::ResidentMib,
        Metric::RequestsPerS,
        Metric::CpuUs,
        Metric::P50Ms,
        Metric::P99Ms,
        Metric::Failed,
    ],
    plot: Metric::KibEach,
    reference: CORACLE,
};

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let empty = Server::start(&launch(bench, 0)?)?;
    let empty_mib = empty.processes().resident_mib();
    drop(empty);
    let mut all = Vec::new();
    for (group, count) in COUNTS {
        note(&format!("  {group}"));
        let contest = Contest::start(vec![Contestant::new(CORACLE, launch(bench, count)?)])?;
        let kinds = (0..count).map(|number| request("GET", &host_of(number), "/", b"")).collect();
        let mut found = contest.run(bench, &Discipline::closed(group, Requests::mixed(kinds, zipf(count, ORDER))))?;
        for run in found.iter_mut().flat_map(|series| &mut series.runs) {
            let each = run.get(&Metric::IdleMib).map(|idle_mib| (idle_mib - empty_mib) * 1_024.0 / count as f64);
            run.extend(each.map(|kib| (Metric::KibEach, kib)).into_iter().collect::<Run>());
        }
        all.extend(found);
    }
    Ok(all)
}

fn launch(bench: &Bench, count: usize) -> Result<Launch> {
    let (address, folder, cache) = (free_address()?, bench.folder("density")?, bench.folder("density-cache")?);
    let launch = Launch::new(&bench.own_program("coracle-density")?, address).args([&address.to_string(), &count.to_string()]);
    Ok(launch.arg(folder).arg(cache).ready_at("/ready"))
}

/// Indices below `count`, the n-th drawn with a weight of 1/n: the same sequence each time.
fn zipf(count: usize, length: usize) -> Vec<u32> {
    let mut sums = Vec::with_capacity(count);
    let mut sum = 0.0;
    for rank in 1..=count {
        sum += 1.0 / rank as f64;
        sums.push(sum);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let draw = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = (state >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        sums.partition_point(|bound| *bound < at).min(count.saturating_sub(1)) as u32
    };
    (0..length).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_asked_twice_as_often_as_the_second() {
        let order = zipf(1_000, 100_000);
        let count = |index| order.iter().filter(|drawn| **drawn == index).count() as f64;
        let ratio = count(0) / count(1);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(order.iter().all(|index| *index < 1_000));
        assert!(count(999) > 0.0);
    }
}
