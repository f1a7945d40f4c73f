//! What one request leaves reaches no other: not through the host, not through a slot of the pool, and through a reused instance only what
//! the guest itself keeps.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use coracle_capabilities as capabilities;
use coracle_engine::{Engines, Fault, Generation, Limits, Reuse, Settings};
use coracle_triggers::http::{Body, Handler};
use http_body_util::BodyExt;

use crate::support::{answer, engines, get, handler, handler_linked, handler_of, request};

fn patient() -> Limits {
    Limits { cpu: Duration::from_secs(20), wall: Duration::from_secs(60), ..Limits::default() }
}

async fn text(handler: &Handler, path: &str) -> String {
    let (status, text) = get(handler, path).await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    text
}

#[tokio::test]
async fn a_panic_of_the_host_costs_one_request() {
    let engines = engines();
    let mut linker = capabilities::linker(engines.get(Generation::P2), Generation::P2).unwrap();
    linker.allow_shadowing(true);
    let mut random = linker.instance("wasi:random/random@0.2.12").unwrap();
    random.func_wrap("get-random-bytes", |_, (_,): (u64,)| -> wasmtime::Result<(Vec<u8>,)> { panic!("a bug of the host") }).unwrap();
    let bytes = coracle_testkit::built("faults-p2").unwrap();
    let handler = handler_linked(&engines, &linker, "faults-p2", &bytes, patient());
    for _ in 0..3 {
        let fault = get(&handler, "/random").await.unwrap_err();
        assert!(matches!(&fault, Fault::HostPanic(text) if text == "a bug of the host"), "{fault:?}");
        assert_eq!((fault.status(), fault.public()), (500, "internal error"));
        assert_eq!(text(&handler, "/").await, "sound");
    }
    assert_eq!(handler.runnable().running(), 0);
}

/// The answer of a guest that has ended: one may have a little to do yet when its answer is complete, and keeps its slot for that.
async fn text_of_ended(handler: &Handler, path: &str) -> String {
    let text = text(handler, path).await;
    until_nothing_runs(handler).await;
    text
}

async fn until_nothing_runs(handler: &Handler) {
    while handler.runnable().running() > 0 {
        tokio::task::yield_now().await;
    }
}

/// As many tenants as slots take turns in the same slots, and look for what the others wrote all over their memory.
#[tokio::test]
async fn what_is_written_in_a_slot_is_gone_for_the_next_instance() {
    const ROUNDS: usize = 1_000;
    let engines = Arc::new(Engines::new(&Settings { instances_max: 2, ..Settings::default() }).unwrap());
    let (writer, reader) = (handler_of(&engines, "faults-p2", patient()), handler_of(&engines, "faults-p2", patient()));
    for round in 0..ROUNDS {
        let written: usize = text_of_ended(&writer, "/mark").await.parse().unwrap();
        assert!(written >= 1 << 14, "the mark can be found: {written}");
        assert_eq!(text_of_ended(&reader, "/search").await, "0", "round {round}");
        assert_eq!(text_of_ended(&writer, "/search").await, "0", "round {round}");
    }
}

#[tokio::test]
async fn each_request_has_an_instance_of_its_own() {
    let handler = handler("faults-p2", patient());
    for _ in 0..3 {
        assert_eq!(text(&handler, "/count").await, "1");
    }
}

#[tokio::test]
async fn an_instance_is_reused_as_often_as_the_manifest_allows() {
    let reuse = Reuse { requests_max: 3, concurrent_max: 1, idle: Duration::from_secs(60) };
    let handler = handler("faults-p2", Limits { reuse: Some(reuse), ..patient() });
    for expected in ["1", "2", "3", "1", "2"] {
        assert_eq!(text(&handler, "/count").await, expected);
    }
}

#[tokio::test]
async fn an_instance_that_failed_is_not_used_again() {
    let reuse = Reuse { requests_max: 100, concurrent_max: 1, idle: Duration::from_secs(60) };
    let handler = handler("faults-p2", Limits { reuse: Some(reuse), ..patient() });
    for path in ["/trap-in-body", "/random", "/exit"] {
        assert_eq!(text(&handler, "/count").await, "1");
        assert_eq!(text(&handler, "/count").await, "2");
        get(&handler, path).await.unwrap_err();
    }
    assert_eq!(text(&handler, "/count").await, "1");
    // Nor one whose client went away.
    let (request, peer) = request("/endless-body");
    let mut response = handler.handle(request, peer).await.unwrap();
    drop(response.body_mut().frame().await);
    drop(response);
    assert_eq!(text(&handler, "/count").await, "1");
}

/// Lets go of an exchange after each number of steps that it takes; every slot comes back.
#[tokio::test]
async fn an_exchange_can_be_let_go_at_every_step() {
    let engines = engines();
    for (guest, path) in [("faults-p2", "/read"), ("wstd-echo", "/"), ("faults-p3", "/"), ("spin7-hello", "/")] {
        let handler = handler_of(&engines, guest, patient());
        let mut steps = 0;
        while !ends_within(&handler, path, steps).await {
            steps += 1;
        }
        until_nothing_runs(&handler).await;
        assert_eq!(get(&handler, "/").await.unwrap().0, 200, "{guest} after {steps} steps");
    }
}

/// Whether the exchange ends before it was polled `steps` times; it is let go then.
async fn ends_within(handler: &Handler, path: &str, steps: usize) -> bool {
    // A body that comes in pieces, with a pause before each.
    let pieces = futures::stream::unfold(0, |sent| async move {
        tokio::task::yield_now().await;
        let frame = http_body::Frame::data(bytes::Bytes::from_static(b"piece"));
        (sent < 3).then_some((Ok::<_, std::convert::Infallible>(frame), sent + 1))
    });
    let (request, peer) = request(path);
    let body = Body::boxed(http_body_util::StreamBody::new(Box::pin(pieces)));
    let mut exchange = pin!(answer(handler, request.map(|_| body), peer));
    for _ in 0..steps {
        if futures::poll!(exchange.as_mut()).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn what_a_guest_draws_before_its_first_request_is_another_for_each() {
    let handler = handler("seeded-p2", patient());
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let seed = text(&handler, "/").await;
        assert_ne!(seed, "0", "the guest draws");
        assert!(drawn.insert(seed), "the number of an earlier request came again");
    }
}
