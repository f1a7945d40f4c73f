//! Thousands of failing requests leave nothing behind, and a neighbour on the same thread answers all the while.

use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use coracle_base::clock;
use coracle_engine::{Engines, Fault, Generation, LimitKind, Limits};
use coracle_triggers::http::Handler;
use http_body_util::BodyExt;

use crate::support::{engines, get, handler_of, request};

/// Faulty requests in all.
const REQUESTS: usize = 10_000;
/// Requests that fail at the same time.
const CONCURRENT: usize = 20;
/// How much memory may be kept for ever by caches that fill late, in KiB: less than one for each request.
const GROWTH_KIB_MAX: u64 = 8 << 10;
/// Longer than any guest here may run.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a request goes wrong.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// There is no response, or its body breaks off.
    Failure,
    /// The client goes away when the guest was called.
    LeftBefore,
    /// The client goes away when the body has begun.
    LeftWithin,
}

use Ending::{Failure, LeftBefore, LeftWithin};

/// The guests, what they are asked, and how that ends.
const FAULTS: &[(&str, &[(&str, Ending)])] = &[
    ("fault-cpu-loop", &[("/", Failure), ("/", LeftBefore)]),
    ("fault-mem-hog", &[("/", Failure)]),
    ("fault-never", &[("/", Failure), ("/", LeftBefore)]),
    ("fault-no-response", &[("/", Failure)]),
    ("fault-panic", &[("/", Failure), ("/?after=1", Failure)]),
    ("fault-slow-body", &[("/?n=1000&ms=5", Failure), ("/?n=1000&ms=5", LeftWithin)]),
    ("fault-stack-overflow", &[("/", Failure)]),
    (
        "faults-p2",
        &[
            ("/huge-headers", Failure),
            ("/million-headers", Failure),
            ("/resources", Failure),
            ("/random", Failure),
            ("/write-at-once", Failure),
            ("/exit", Failure),
            ("/endless-body", LeftWithin),
            ("/loop-in-body", Failure),
            ("/trap-in-body", Failure),
            ("/sleep-in-body", Failure),
            ("/sleep-in-body", LeftWithin),
        ],
    ),
    (
        "faults-p3",
        &[
            ("/loop", Failure),
            ("/never", Failure),
            ("/never", LeftBefore),
            ("/trap", Failure),
            ("/stack", Failure),
            ("/memory", Failure),
            ("/error", Failure),
            ("/huge-headers", Failure),
            ("/resources", Failure),
            ("/endless-body", LeftWithin),
            ("/loop-in-body", Failure),
            ("/trap-in-body", Failure),
            ("/sleep-in-body", Failure),
            ("/sleep-in-body", LeftWithin),
        ],
    ),
];

/// Other tests open files and start threads, so this one has a process for itself: the same program, which runs nothing else.
#[test]
fn nothing_is_left_of_ten_thousand_faulty_requests() {
    const ALONE: [&str; 2] = ["--exact", "leaks::nothing_is_left_of_ten_thousand_faulty_requests"];
    if std::env::args().any(|argument| argument == ALONE[0]) {
        return tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(measure());
    }
    let output = Command::new(std::env::current_exe().unwrap()).args(ALONE).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

async fn measure() {
    let engines = engines();
    let limits = Limits {
        memory_bytes: 8 << 20,
        cpu: Duration::from_millis(4),
        wall: Duration::from_millis(20),
        concurrency: CONCURRENT,
        ..Limits::default()
    };
    let mut faults = Vec::new();
    for (guest, cases) in FAULTS {
        let handler = Arc::new(handler_of(&engines, guest, limits.clone()));
        faults.extend(cases.iter().map(|(path, ending)| (Arc::clone(&handler), *path, *ending)));
    }
    let patient = Limits { cpu: Duration::from_secs(20), wall: Duration::from_secs(60), ..Limits::default() };
    let neighbour = Arc::new(handler_of(&engines, "wasip2-hello", patient));

    // A first round fills what is filled once: pools, thread stacks, lazily made tables.
    fail(&faults, &neighbour, REQUESTS / 5).await;
    let before = Usage::settled(&engines, &faults).await;
    fail(&faults, &neighbour, REQUESTS).await;
    let after = Usage::settled(&engines, &faults).await;

    assert_eq!(after.descriptors, before.descriptors, "a descriptor stays open");
    assert_eq!(after.threads, before.threads, "a thread goes on");
    let growth_kib = after.resident_kib.saturating_sub(before.resident_kib);
    assert!(growth_kib <= GROWTH_KIB_MAX, "{growth_kib} KiB more are in use after {REQUESTS} requests");
}

type Case = (Arc<Handler>, &'static str, Ending);

/// Sends `count` requests that fail in turn, and one to the neighbour for each round.
async fn fail(faults: &[Case], neighbour: &Arc<Handler>, count: usize) {
    for round in 0..count / CONCURRENT {
        let requests: Vec<_> = (0..CONCURRENT)
            .map(|index| {
                let case = faults[(round * CONCURRENT + index) % faults.len()].clone();
                tokio::spawn(fail_once(case))
            })
            .collect();
        let (status, _) = get(neighbour, "/").await.unwrap();
        assert_eq!(status, 200, "the neighbour answers in round {round}");
        for request in requests {
            request.await.unwrap();
        }
    }
}

async fn fail_once((handler, path, ending): Case) {
    let guest = handler.runnable().id();
    match ending {
        Failure => {
            let fault = get(&handler, path).await.expect_err(&format!("{guest} fails at {path}"));
            assert!(!matches!(fault, Fault::HostPanic(_) | Fault::Overloaded { .. } | Fault::Full(_)), "{guest}{path}: {fault:?}");
            assert!(!matches!(fault, Fault::Limit { kind: LimitKind::Handles, .. }), "{guest}{path}: {fault:?}");
        }
        LeftBefore => {
            let (request, peer) = request(path);
            let asked = pin!(handler.handle(request, peer));
            assert!(futures::poll!(asked).is_pending(), "{guest}{path} answers at once");
        }
        LeftWithin => {
            let (request, peer) = request(path);
            // A busy machine may not let it get so far within its limits.
            if let Ok(mut response) = handler.handle(request, peer).await {
                drop(response.body_mut().frame().await);
            }
        }
    }
}

/// What this process holds.
#[derive(Debug)]
struct Usage {
    resident_kib: u64,
    descriptors: usize,
    threads: u64,
}

impl Usage {
    /// Waits until every guest has ended and every slot is back, and looks what is left.
    async fn settled(engines: &Engines, faults: &[Case]) -> Self {
        let until = clock::now() + PATIENCE;
        loop {
            let running: usize = faults.iter().map(|(handler, ..)| handler.runnable().running()).sum();
            let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
            let slots = [Generation::P2, Generation::P3].map(|generation| slots(engines, generation));
            // Nobody but the test itself is left, which is no task.
            if (running, tasks, slots) == (0, 0, [0, 0]) {
                break;
            }
            assert!(clock::now() < until, "{running} invocations, {tasks} tasks, {slots:?} slots of the pools are left");
            tokio::task::yield_now().await;
        }
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            resident_kib: number("VmRSS:"),
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            threads: number("Threads:"),
        }
    }
}

/// Everything that instances have taken from a pool.
fn slots(engines: &Engines, generation: Generation) -> u64 {
    let pool = engines.get(generation).pooling_allocator_metrics().expect("instances are pooled");
    let others = pool.memories() + pool.tables() + pool.stacks();
    pool.component_instances() + pool.core_instances() + others as u64
}
