//! Guests of several SDKs answer.

use coracle_engine::Limits;

use crate::support::{get, handler};

#[tokio::test]
async fn guests_of_every_sdk_answer() {
    for name in ["wasip2-hello", "wstd-hello", "spin5-hello", "spin6-hello", "spin7-hello"] {
        let (status, body) = get(&handler(name, Limits::default()), "/").await.unwrap();
        assert_eq!(status, 200, "{name}: {body}");
        assert!(body.to_lowercase().contains("hello"), "{name}: {body}");
    }
}

/// tokio lets a task do only so much in one go; a guest that has answered by then has answered.
#[tokio::test]
async fn hundreds_of_requests_are_answered_in_one_step_of_a_task() {
    let handler = handler("wasip2-hello", Limits { cpu: std::time::Duration::from_secs(60), ..Limits::default() });
    for number in 0..500 {
        let answered = get(&handler, "/").await;
        assert!(answered.is_ok(), "request {number}: {answered:?}");
    }
}
