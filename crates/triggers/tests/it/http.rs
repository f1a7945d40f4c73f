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
