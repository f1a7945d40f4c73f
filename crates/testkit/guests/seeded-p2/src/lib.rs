//! An HTTP guest that draws a number before its first request, as a library that seeds its random numbers does, and answers with it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Seeded;

wasip2::http::proxy::export!(Seeded);

static SEED: AtomicU64 = AtomicU64::new(0);

/// What a reactor runs when an instance is made.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    SEED.store(wasip2::random::random::get_random_u64(), Relaxed);
}

impl Guest for Seeded {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(SEED.load(Relaxed).to_string().as_bytes()).expect("somebody reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the body ends");
    }
}
