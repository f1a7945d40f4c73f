//! Operations of stores and databases, through a guest and by the same client in Rust.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use coracle_base::{clock, shards};
use coracle_engine::{Limits, Settings};
use coracle_triggers::http::Handler;
use serde_json::json;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::Case;
use crate::backends::{self, Backend, MEMORY, Operation};
use crate::bench::Bench;
use crate::embedded::{self, Given};
use crate::processes;
use crate::record::{Metric, Run, Series};
use crate::terminal::note;

/// Operations of one call of the guest, half of what an invocation may ask a store for.
const OPERATIONS_PER_CALL: usize = 500;
/// Tasks that do operations at once, a guest or a client each.
const TASKS: usize = 16;

pub(super) const CASE: Case = Case {
    name: "capabilities",
    title: "Operations of stores and databases",
    about: "A guest that reads or writes a key through `wasi:keyvalue`, or selects one row, five hundred times for each call, sixteen of \
            them at once in this process, on a thread for each core, as a server runs them; and beside it the same client used by Rust, as \
            many at once on the same threads. CPU is that of this process: of a server elsewhere it is not known.",
    untold: "The servers are on the same machine, so there is no network to wait for, which would make the rows more alike.",
    peers: &[],
    run,
    columns: &[Metric::OperationsPerS, Metric::CpuUsEach],
    plot: Metric::CpuUsEach,
    reference: "guest, memory",
};

/// What does the operations.
#[derive(Clone)]
enum Doer {
    Guest(Arc<Handler>),
    Native(Arc<Backend>),
}

/// Threads that each run their own tasks, as those of a server do, until this is dropped.
struct Workers {
    /// What prepares and waits.
    main: Runtime,
    handles: Vec<Handle>,
    /// A worker ends when its sender is dropped.
    _ends: Vec<oneshot::Sender<()>>,
}

impl Workers {
    fn start(count: usize) -> Result<Self> {
        let runtime = || Builder::new_current_thread().enable_all().build();
        let mut workers = Self { main: runtime()?, handles: Vec::new(), _ends: Vec::new() };
        for _ in 0..count {
            let (runtime, (end, ended)) = (runtime()?, oneshot::channel());
            workers.handles.push(runtime.handle().clone());
            workers._ends.push(end);
            std::thread::Builder::new().spawn(move || runtime.block_on(ended))?;
        }
        Ok(workers)
    }
}

/// The names of the series of a backend.
pub(crate) fn subjects(backend: &str) -> [String; 2] {
    [format!("guest, {backend}"), format!("native, {backend}")]
}

fn run(bench: &Bench) -> Result<Vec<Series>> {
    let workers = Workers::start(shards::cores().get())?;
    let folder = bench.folder("capabilities")?;
    let stores = backends::stores(&folder);
    let mut all = Vec::new();
    for (backend, prepare, operations) in stores
        .into_iter()
        .map(|found| (found, "prepare-store", &[Operation::Set, Operation::Get][..]))
        .chain(backends::databases(&folder).into_iter().map(|found| (found, "prepare-database", &[Operation::Row][..])))
    {
        let (name, backend) = backend;
        let measured = backend.and_then(|backend| measure(bench, &workers, backend, prepare, operations));
        match measured {
            Ok(series) => all.extend(series),
            Err(error) => bench.skip(format!("operations of {name}"), &error),
        }
    }
    // The operations stand together, and in them the backends.
    all.sort_by(|one, other| one.group.cmp(&other.group));
    Ok(all)
}

fn measure(bench: &Bench, workers: &Workers, backend: Backend, prepare: &str, operations: &[Operation]) -> Result<Vec<Series>> {
    let labels = ["key-value", "sqlite"].map(|key| (key, json!(["default"])));
    let grants = labels.into_iter().chain(backend.grants.iter().cloned()).map(|(key, grant)| (key.to_owned(), grant)).collect();
    let given = Given { grants, config: backend.config.parse().context("the runtime configuration")?, cache: None };
    let name = backend.name;
    let entered = workers.main.enter();
    let handler = embedded::handler_given(&bench.guest("operations")?, &Settings::default(), Limits::default(), given)?;
    drop(entered);
    let handler = Arc::new(handler);
    // What it connects stays with the thread, which has to be one of those that do operations, as in a server.
    let (path, preparing) = (format!("/{prepare}/1"), Arc::clone(&handler));
    let worker = workers.handles.first().context("there is no thread")?;
    let prepared = worker.spawn(async move { embedded::call(&preparing, embedded::request(&path)?).await });
    workers.main.block_on(prepared)??;
    let doers = [Doer::Guest(handler), Doer::Native(Arc::new(backend))];
    let mut all = Vec::new();
    for operation in operations {
        let mut series = subjects(name).map(|subject| Series::new(operation.word(), subject));
        for doer in &doers {
            workers.main.block_on(under_load(workers, doer, *operation, bench.warm_up()))?;
        }
        for number in 0..bench.plan.runs {
            note(&format!("  {name}, {}: run {} of {}", operation.word(), number + 1, bench.plan.runs));
            for (doer, series) in doers.iter().zip(&mut series) {
                series.runs.push(workers.main.block_on(under_load(workers, doer, *operation, bench.time()))?);
            }
        }
        all.extend(series);
    }
    Ok(all)
}

/// Lets as many tasks as there are do `operation` for as long as `time`.
async fn under_load(workers: &Workers, doer: &Doer, operation: Operation, time: Duration) -> Result<Run> {
    let (begun, before) = (clock::now(), processes::own_cpu_time()?);
    let places = workers.handles.iter().cycle().take(TASKS);
    let tasks: Vec<_> = places.map(|worker| worker.spawn(task(doer.clone(), operation, begun + time))).collect();
    let mut done = 0;
    for task in tasks {
        done += task.await??;
    }
    let (elapsed, spent) = (begun.elapsed().as_secs_f64(), processes::own_cpu_time()?.since(before));
    Ok(Run::from([(Metric::OperationsPerS, done as f64 / elapsed), (Metric::CpuUsEach, spent.all_us / done.max(1) as f64)]))
}

/// Does operations until `end`; how many.
async fn task(doer: Doer, operation: Operation, end: std::time::Instant) -> Result<usize> {
    let mut done = 0;
    match doer {
        Doer::Guest(handler) => {
            let path = format!("/{}/{OPERATIONS_PER_CALL}", operation.word());
            while clock::now() < end {
                embedded::call(&handler, embedded::request(&path)?).await?;
                done += OPERATIONS_PER_CALL;
            }
        }
        Doer::Native(backend) => {
            let mut client = backend.client().await?;
            if operation == Operation::Get && backend.name == MEMORY {
                client.perform(Operation::Set).await?;
            }
            while clock::now() < end {
                for _ in 0..OPERATIONS_PER_CALL {
                    client.perform(operation).await?;
                }
                done += OPERATIONS_PER_CALL;
                // A client that never waits lets the others have their turn, as a guest does.
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(done)
}
