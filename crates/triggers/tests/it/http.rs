//! Guests of several SDKs answer, and each fault has its name.

use coracle_engine::{Fault, LimitKind, Limits};

use crate::support::{get, handler};

#[tokio::test]
async fn guests_of_every_sdk_answer() {
    for name in ["wasip2-hello", "wstd-hello", "spin5-hello", "spin6-hello", "spin7-hello"] {
        let (status, body) = get(&handler(name, Limits::default()), "/").await.unwrap();
        assert_eq!(status, 200, "{name}: {body}");
        assert!(body.to_lowercase().contains("hello"), "{name}: {body}");
    }
}

#[tokio::test]
async fn each_fault_has_its_name() {
    let millis = std::time::Duration::from_millis;
    // Generous beside the bound that is meant: other tests share the processor.
    let patient = Limits { cpu: millis(20_000), wall: millis(60_000), ..Limits::default() };
    for (name, limits, kind) in [
        ("fault-cpu-loop", Limits { cpu: millis(100), ..patient.clone() }, LimitKind::Cpu),
        ("fault-never", Limits { wall: millis(300), ..patient.clone() }, LimitKind::Wall),
        ("fault-mem-hog", patient.clone(), LimitKind::Memory),
        ("fault-stack-overflow", patient.clone(), LimitKind::Stack),
    ] {
        let fault = get(&handler(name, limits), "/").await.unwrap_err();
        assert!(matches!(&fault, Fault::Limit { kind: met, .. } if *met == kind), "{name}: {fault:?}");
    }
    assert!(matches!(get(&handler("fault-no-response", patient.clone()), "/").await, Err(Fault::NoResponse)));
    assert!(matches!(get(&handler("fault-panic", patient), "/").await, Err(Fault::Trap(_))));
}
