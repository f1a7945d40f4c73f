//! Answers with how often this instance was called.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use wasip2::http::types::IncomingRequest;

conformance::program!(check);

static CALLS: AtomicU32 = AtomicU32::new(0);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    Ok((CALLS.fetch_add(1, Relaxed) + 1).to_string().into_bytes())
}
