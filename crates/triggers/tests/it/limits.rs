//! Every bound has its name: for the caller a status and a short text, for the operator the key that raises it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coracle_engine::{Engines, Fault, LimitKind, Limits, Settings};
use coracle_triggers::http::{Body, Handler};
use http_body::Frame;
use http_body_util::StreamBody;

use crate::support::{answer, get, handler, handler_of, request};

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Generous beside the bound that is meant: other tests share the processor.
fn patient() -> Limits {
    Limits { cpu: millis(20_000), wall: millis(60_000), ..Limits::default() }
}

fn cpu() -> Limits {
    Limits { cpu: millis(100), ..patient() }
}

fn wall() -> Limits {
    Limits { wall: millis(300), ..patient() }
}

/// Sees that `guest`, asked for `path`, meets the bound `kind`, and what is said about that.
async fn check(guest: &str, path: &str, limits: Limits, (kind, key): (LimitKind, &str), (status, public): (u16, &str)) {
    let fault = get(&handler(guest, limits), path).await.unwrap_err();
    assert!(matches!(&fault, Fault::Limit { kind: met, .. } if *met == kind), "{guest}{path}: {fault:?}");
    assert_eq!((fault.status(), fault.public()), (status, public), "{guest}{path}");
    let text = fault.to_string();
    assert!(key.is_empty() || text.contains(&format!("raise `{key}`")), "{guest}{path}: {text}");
}

#[tokio::test]
async fn the_bounds_of_an_invocation_have_their_names() {
    use LimitKind::{Cpu, Memory, Stack, Wall};

    let stack = (Stack, "");
    check("fault-cpu-loop", "/", cpu(), (Cpu, "cpu"), (500, "CPU time limit exceeded")).await;
    check("faults-p3", "/loop", cpu(), (Cpu, "cpu"), (500, "CPU time limit exceeded")).await;
    check("fault-never", "/", wall(), (Wall, "wall"), (504, "wall time limit exceeded")).await;
    check("faults-p3", "/never", wall(), (Wall, "wall"), (504, "wall time limit exceeded")).await;
    check("fault-mem-hog", "/", patient(), (Memory, "memory"), (500, "memory limit exceeded")).await;
    check("faults-p3", "/memory", patient(), (Memory, "memory"), (500, "memory limit exceeded")).await;
    check("fault-stack-overflow", "/", patient(), stack, (500, "stack limit exceeded")).await;
    check("faults-p3", "/stack", patient(), stack, (500, "stack limit exceeded")).await;
}

#[tokio::test]
async fn what_a_guest_may_take_of_its_host_has_its_name() {
    use LimitKind::{Headers, HostcallBytes, Instances, Random, Resources, TableElements};

    let headers = (Headers, "response_header");
    check("faults-p2", "/huge-headers", patient(), headers, (500, "header limit exceeded")).await;
    check("faults-p2", "/million-headers", patient(), headers, (500, "header limit exceeded")).await;
    check("faults-p2", "/resources", patient(), (Resources, ""), (500, "resource limit exceeded")).await;
    check("faults-p3", "/resources", patient(), (Resources, ""), (500, "resource limit exceeded")).await;
    check("faults-p2", "/random", patient(), (Random, "random"), (500, "randomness limit exceeded")).await;
    check("faults-p2", "/write-at-once", patient(), (HostcallBytes, "hostcall"), (500, "host call limit exceeded")).await;
    let instances = Limits { instances: 1, ..patient() };
    check("faults-p2", "/", instances, (Instances, "instances"), (500, "instance limit exceeded")).await;
    let tables = Limits { table_elements: 1, ..patient() };
    check("faults-p2", "/", tables, (TableElements, "table_elements"), (500, "table limit exceeded")).await;
}

#[tokio::test]
async fn a_bound_that_is_met_after_the_head_breaks_the_body_off() {
    for guest in ["faults-p2", "faults-p3"] {
        check(guest, "/loop-in-body", cpu(), (LimitKind::Cpu, "cpu"), (500, "CPU time limit exceeded")).await;
        check(guest, "/sleep-in-body", wall(), (LimitKind::Wall, "wall"), (504, "wall time limit exceeded")).await;
        let trapped = get(&handler(guest, patient()), "/trap-in-body").await.unwrap_err();
        assert!(matches!(trapped, Fault::Trap(_)), "{guest}: {trapped:?}");
    }
    check("fault-slow-body", "/?n=100&ms=100", wall(), (LimitKind::Wall, "wall"), (504, "wall time limit exceeded")).await;
}

#[tokio::test]
async fn what_is_no_bound_has_its_name_too() {
    let public = |fault: Fault| (fault.status(), fault.public());
    let trapped = get(&handler("fault-panic", patient()), "/").await.unwrap_err();
    assert_eq!(public(trapped), (500, "the component failed"));
    let silent = get(&handler("fault-no-response", patient()), "/").await.unwrap_err();
    assert_eq!(public(silent), (500, "the component sent no response"));
    let exited = get(&handler("faults-p2", patient()), "/exit").await.unwrap_err();
    assert_eq!(public(exited), (500, "the component failed"));
    let error = get(&handler("faults-p3", patient()), "/error").await.unwrap_err();
    assert_eq!(public(error), (500, "the component answered with an error"));
}

#[tokio::test]
async fn a_guest_that_logs_for_ever_costs_no_memory_and_answers() {
    let (status, body) = get(&handler("faults-p2", patient()), "/log").await.unwrap();
    assert_eq!((status, body.as_str()), (200, "logged"));
}

/// Sends `chunks` without saying how many come.
async fn post(handler: &Handler, chunks: &[&'static [u8]]) -> Result<(u16, String), Fault> {
    let frames: Vec<_> = chunks.iter().map(|chunk| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(chunk)))).collect();
    let (request, peer) = request("/read");
    answer(handler, request.map(|_| Body::boxed(StreamBody::new(futures::stream::iter(frames)))), peer).await
}

#[tokio::test]
async fn a_request_body_is_read_up_to_its_bound() {
    let handler = handler("faults-p2", Limits { request_body_bytes: 8, ..patient() });
    assert_eq!(post(&handler, &[b"four", b"four"]).await.unwrap(), (200, "8".to_owned()));
    let fault = post(&handler, &[b"four", b"four", b"!"]).await.unwrap_err();
    assert!(matches!(&fault, Fault::Limit { kind: LimitKind::RequestBody, .. }), "{fault:?}");
    assert_eq!((fault.status(), fault.public()), (413, "request body limit exceeded"));
    assert!(fault.to_string().contains("raise `request_body`"), "{fault}");

    let whole = |text: &'static str| {
        let (request, peer) = request("/read");
        answer(&handler, request.map(|_| Body::full(text)), peer)
    };
    assert_eq!(whole("12345678").await.unwrap(), (200, "8".to_owned()));
    assert_eq!(whole("123456789").await.unwrap_err().status(), 413);
}

#[tokio::test]
async fn who_finds_no_place_in_the_queue_is_told_when_to_come_back() {
    let limits = Limits { concurrency: 1, queue: 1, ..patient() };
    let handler = handler("fault-never", limits);
    let ask = || handler.handle(request("/").0, request("/").1);
    let (mut first, mut second) = (pin!(Some(Box::pin(ask()))), pin!(ask()));
    assert!(futures::poll!(first.as_mut().as_pin_mut().unwrap()).is_pending());
    assert_eq!(handler.runnable().running(), 1);
    assert!(futures::poll!(second.as_mut()).is_pending(), "it waits for its turn");

    let fault = ask().await.unwrap_err();
    assert!(matches!(fault, Fault::Overloaded { running: 1, .. }), "{fault:?}");
    assert_eq!((fault.status(), fault.public(), fault.retry_after()), (429, "too many requests", Some(Duration::from_secs(1))));
    assert!(fault.to_string().contains("raise `concurrency` or `queue`"), "{fault}");

    // The one that left makes room for the one that waits.
    first.set(None);
    assert!(futures::poll!(second.as_mut()).is_pending());
    assert_eq!(handler.runnable().running(), 1);
}

#[tokio::test]
async fn who_waits_too_long_in_the_queue_is_told_so() {
    let handler = handler("fault-never", Limits { concurrency: 1, queue: 1, queue_wait: millis(20), ..patient() });
    let mut first = pin!(handler.handle(request("/").0, request("/").1));
    assert!(futures::poll!(first.as_mut()).is_pending());
    let fault = get(&handler, "/").await.unwrap_err();
    assert!(matches!(fault, Fault::Overloaded { running: 1, waiting: 1 }), "{fault:?}");
}

#[tokio::test]
async fn a_process_without_room_for_another_instance_says_so() {
    let engines = Arc::new(Engines::new(&Settings { instances_max: 1, ..Settings::default() }).unwrap());
    let (one, other) = (handler_of(&engines, "fault-never", patient()), handler_of(&engines, "faults-p2", patient()));
    let mut first = pin!(one.handle(request("/").0, request("/").1));
    assert!(futures::poll!(first.as_mut()).is_pending());
    let fault = get(&other, "/").await.unwrap_err();
    assert!(matches!(fault, Fault::Full(_)), "{fault:?}");
    assert_eq!((fault.status(), fault.public()), (503, "no room for another instance"));
    assert_eq!(fault.retry_after(), Some(Duration::from_secs(1)));
}

/// A module as Spin 1's SDKs made them, which answers with a header of 70,000 bytes.
const SPIN_1: &str = r#"(module
    (memory (export "memory") 3)
    (data (i32.const 16) "x")
    (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "canonical_abi_free") (param i32 i32 i32))
    (func (export "handle-http-request") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (memory.fill (i32.const 65536) (i32.const 97) (i32.const 70000))
        (i32.store (i32.const 32) (i32.const 16))
        (i32.store (i32.const 36) (i32.const 1))
        (i32.store (i32.const 40) (i32.const 65536))
        (i32.store (i32.const 44) (i32.const 70000))
        (i32.store16 (i32.const 256) (i32.const 200))
        (i32.store8 (i32.const 260) (i32.const 1))
        (i32.store (i32.const 264) (i32.const 32))
        (i32.store (i32.const 268) (i32.const 1))
        (i32.const 256)))"#;

#[tokio::test]
async fn the_bounds_hold_for_guests_of_spin_1() {
    let module = wat::parse_str(SPIN_1).unwrap();
    let handler = crate::support::handler_from(&crate::support::engines(), "spin-1", &module, patient());
    let fault = get(&handler, "/").await.unwrap_err();
    assert!(matches!(&fault, Fault::Limit { kind: LimitKind::Headers, .. }), "{fault:?}");
}
