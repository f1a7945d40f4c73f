//! Servers under the same load, one after the other and over again: A B C A B C …, so that what changes on the machine meanwhile changes for
//! all of them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::bench::{Bench, CONNECTIONS};
use crate::load::{Load, Requests, Shape, request};
use crate::record::{Metric, Run, Series};
use crate::server::{Launch, Server};
use crate::terminal::note;

/// With more failures than this share of the answers, the figures of a run say nothing.
const FAILED_SHARE_MAX: f64 = 0.01;

/// One of the servers that are compared.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) subject: String,
    pub(crate) launch: Launch,
    /// Where it answers the discipline's question under a path of its own.
    pub(crate) requests: Option<Requests>,
}

impl Contestant {
    pub(crate) fn new(subject: impl Into<String>, launch: Launch) -> Self {
        Self { subject: subject.into(), launch, requests: None }
    }

    /// It is asked for `path`, also to learn whether it serves.
    pub(crate) fn asked_for(mut self, path: &str) -> Self {
        self.launch = self.launch.ready_at(path);
        self.requests = Some(Requests::one(request("GET", "localhost", path, b"")));
        self
    }
}

/// What they are compared in.
#[derive(Debug, Clone)]
pub(crate) struct Discipline {
    /// The name of the group of series.
    pub(crate) group: String,
    pub(crate) requests: Requests,
    pub(crate) connections: usize,
    /// `None` for one request in flight on each connection.
    pub(crate) shape: Option<Shape>,
    /// The bytes of each request's and response's body together, where their throughput is what counts.
    pub(crate) body_bytes: Option<u64>,
}

impl Discipline {
    /// As many requests as the server answers, over the usual number of connections.
    pub(crate) fn closed(group: impl Into<String>, requests: Requests) -> Self {
        Self { group: group.into(), requests, connections: CONNECTIONS, shape: None, body_bytes: None }
    }
}

/// The servers of a contest, all running: those that are not under load only wait.
#[derive(Debug)]
pub(crate) struct Contest {
    running: Vec<Running>,
}

/// A contestant that serves.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) subject: String,
    pub(crate) server: Server,
    requests: Option<Requests>,
    idle_mib: f64,
}

impl Contest {
    /// Starts every server.
    pub(crate) fn start(contestants: Vec<Contestant>) -> Result<Self> {
        let start = |Contestant { subject, launch, requests }| {
            let server = Server::start(&launch).with_context(|| subject.clone())?;
            let idle_mib = server.processes().resident_mib();
            Ok(Running { subject, server, requests, idle_mib })
        };
        Ok(Self { running: contestants.into_iter().map(start).collect::<Result<_>>()? })
    }

    /// Runs one discipline: each server warms up once, then all take turns.
    pub(crate) fn run(&self, bench: &Bench, discipline: &Discipline) -> Result<Vec<Series>> {
        let own = |running: &Running| match &running.requests {
            Some(requests) => Discipline { requests: requests.clone(), ..discipline.clone() },
            None => discipline.clone(),
        };
        let mut taking_part: Vec<_> = self.running.iter().map(|it| (it, own(it), Series::new(&discipline.group, &it.subject))).collect();
        // A server that cannot do it is left out, not the discipline.
        let what = |subject: &str| format!("{subject} in `{}`", discipline.group);
        taking_part.retain(|(Running { subject, server, .. }, discipline, _)| {
            let warm = load(server, discipline, bench.warm_up()).run();
            warm.map_err(|error| bench.skip(what(subject), &error)).is_ok()
        });
        for number in 0..bench.plan.runs {
            note(&format!("  {}run {} of {}", prefix(&discipline.group), number + 1, bench.plan.runs));
            taking_part.retain_mut(|(Running { subject, server, idle_mib, .. }, discipline, series)| {
                let found = measure(server, discipline, bench.time());
                let run = found.map_err(|error| bench.skip(what(subject), &error));
                series.runs.extend(run.map(|run| run.into_iter().chain([(Metric::IdleMib, *idle_mib)]).collect::<Run>()));
                series.runs.len() == number + 1
            });
        }
        Ok(taking_part.into_iter().map(|(_, _, series)| series).collect())
    }

    /// The servers.
    pub(crate) fn running(&self) -> &[Running] {
        &self.running
    }
}

fn prefix(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!("{group}: ") }
}

/// The load of one run.
pub(crate) fn load(server: &Server, discipline: &Discipline, time: Duration) -> Load {
    let Discipline { requests, connections, shape, .. } = discipline;
    let shape = shape.unwrap_or(Shape::Closed { in_flight: *connections });
    Load { address: server.address, connections: *connections, shape, requests: requests.clone(), time }
}

/// Puts `server` under load once, and what that costs.
pub(crate) fn measure(server: &Server, discipline: &Discipline, time: Duration) -> Result<Run> {
    let processes = server.processes();
    let before = processes.cpu_time()?;
    let mut resident_mib = 0.0;
    let outcome = load(server, discipline, time).run_and(|| resident_mib = processes.resident_mib())?;
    let spent = processes.cpu_time()?.since(before);
    if outcome.failed as f64 > outcome.answered as f64 * FAILED_SHARE_MAX {
        bail!("{} requests failed and {} were answered", outcome.failed, outcome.answered);
    }
    let mut run = Run::from([
        (Metric::RequestsPerS, outcome.per_second()),
        (Metric::CpuUs, spent.all_us / outcome.answered as f64),
        (Metric::KernelUs, spent.kernel_us / outcome.answered as f64),
        (Metric::P50Ms, outcome.time_ms(50.0)),
        (Metric::P99Ms, outcome.time_ms(99.0)),
        (Metric::ResidentMib, resident_mib),
        (Metric::Failed, outcome.failed as f64),
    ]);
    if let Some(body_bytes) = discipline.body_bytes {
        run.insert(Metric::MibPerS, outcome.per_second() * body_bytes as f64 / f64::from(1 << 20));
    }
    if let Some(Shape::Open { per_second }) = discipline.shape {
        run.insert(Metric::OfferedPerS, per_second);
    }
    Ok(run)
}
