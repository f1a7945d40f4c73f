//! What the conformance guests share: each runs one check for each request and answers 200 with nothing, or 500 with what went wrong.

use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// Runs `check` and answers.
pub fn answer(request: IncomingRequest, out: ResponseOutparam, check: impl FnOnce(&IncomingRequest) -> Result<Vec<u8>, String>) {
    let (status, body) = match check(&request) {
        Ok(body) => (200, body),
        Err(error) => (500, error.into_bytes()),
    };
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("the status is valid");
    let stream = response.body().expect("the body is taken once");
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let writer = stream.write().expect("the stream is taken once");
    for chunk in body.chunks(4096) {
        writer.blocking_write_and_flush(chunk).expect("the host reads the body");
    }
    drop(writer);
    OutgoingBody::finish(stream, None).expect("the body ends");
}

/// Fails with `what` unless `holds`.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Makes a program whose HTTP handler runs `$check`.
#[macro_export]
macro_rules! program {
    ($check:expr) => {
        struct Program;

        wasip2::http::proxy::export!(Program);

        impl wasip2::exports::http::incoming_handler::Guest for Program {
            fn handle(request: wasip2::http::types::IncomingRequest, out: wasip2::http::types::ResponseOutparam) {
                $crate::answer(request, out, $check);
            }
        }

        fn main() {}
    };
}
