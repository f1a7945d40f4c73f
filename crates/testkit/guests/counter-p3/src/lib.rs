//! An HTTP guest of WASI 0.3 that answers with how often this instance was called.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

wasip3::http::service::export!(Counter);

struct Counter;

static CALLS: AtomicU32 = AtomicU32::new(0);

impl wasip3::exports::http::handler::Guest for Counter {
    async fn handle(_: Request) -> Result<Response, ErrorCode> {
        let calls = CALLS.fetch_add(1, Relaxed) + 1;
        let (mut writer, body) = wit_stream::new();
        let (_, trailers) = wit_future::new(|| Ok(None));
        let (response, _) = Response::new(Fields::new(), Some(body), trailers);
        wit_bindgen::spawn_local(async move {
            writer.write_all(calls.to_string().into_bytes()).await;
        });
        Ok(response)
    }
}
