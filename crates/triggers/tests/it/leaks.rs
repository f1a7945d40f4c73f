//! Thousands of failing requests leave nothing behind, and a neighbour on the same thread answers all the while.

use std::sync::Arc;
use std::time::Duration;

use coracle_engine::{Fault, LimitKind, Limits};
use coracle_triggers::http::Handler;

use crate::support::{engines, get, handler_on};

/// Faulty requests in all.
const REQUESTS: usize = 10_000;
/// Requests that fail at the same time.
const CONCURRENT: usize = 20;
/// How much memory may be kept for ever by caches that fill once, in KiB.
const GROWTH_KIB_MAX: u64 = 64 << 10;

#[tokio::test]
async fn nothing_is_left_of_ten_thousand_faulty_requests() {
    let engines = engines();
    let limits = Limits {
        memory_bytes: 8 << 20,
        cpu: Duration::from_millis(4),
        wall: Duration::from_millis(20),
        concurrency: CONCURRENT,
        ..Limits::default()
    };
    let faulty: Vec<_> = ["fault-panic", "fault-no-response", "fault-stack-overflow", "fault-mem-hog", "fault-never", "fault-cpu-loop"]
        .into_iter()
        .map(|name| Arc::new(handler_on(&engines, name, limits.clone())))
        .collect();
    let patient = Limits { cpu: Duration::from_secs(20), wall: Duration::from_secs(60), ..Limits::default() };
    let neighbour = Arc::new(handler_on(&engines, "wasip2-hello", patient));

    // A first round fills what is filled once: pools, thread stacks, lazily made tables.
    fail(&faulty, &neighbour, REQUESTS / 10).await;
    let before = Usage::now();
    fail(&faulty, &neighbour, REQUESTS).await;
    let after = Usage::now();

    assert!(faulty.iter().all(|handler| handler.runnable().running() == 0), "a slot was not returned");
    assert_eq!(after.tasks, before.tasks, "a task goes on");
    assert_eq!(after.descriptors, before.descriptors, "a descriptor stays open");
    let growth_kib = after.resident_kib.saturating_sub(before.resident_kib);
    assert!(growth_kib <= GROWTH_KIB_MAX, "{growth_kib} KiB more are in use after {REQUESTS} requests");
}

/// Sends `count` requests to the faulty guests in turn, and one to the neighbour for each round.
async fn fail(faulty: &[Arc<Handler>], neighbour: &Arc<Handler>, count: usize) {
    for round in 0..count / CONCURRENT {
        let requests: Vec<_> = (0..CONCURRENT)
            .map(|index| {
                let handler = Arc::clone(&faulty[(round * CONCURRENT + index) % faulty.len()]);
                tokio::spawn(async move { get(&handler, "/").await })
            })
            .collect();
        let (status, _) = get(neighbour, "/").await.unwrap();
        assert_eq!(status, 200, "the neighbour answers in round {round}");
        for request in requests {
            let fault = request.await.unwrap().unwrap_err();
            assert!(!matches!(fault, Fault::HostPanic(_) | Fault::Overloaded { .. }), "{fault:?}");
            assert!(!matches!(fault, Fault::Limit { kind: LimitKind::Handles, .. }), "{fault:?}");
        }
    }
}

/// What this process holds.
#[derive(Debug)]
struct Usage {
    resident_kib: u64,
    descriptors: usize,
    tasks: usize,
}

impl Usage {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        Self {
            resident_kib: resident.split_whitespace().nth(1).unwrap().parse().unwrap(),
            descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        }
    }
}
