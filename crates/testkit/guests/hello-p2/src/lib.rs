//! The plainest HTTP guest: a `wasi:http` 0.2 handler that says hello and names the path. Benchmarks measure the host
//! through it, so it does nothing that a handler need not do.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        if let Err(error) = respond(out, &format!("hello from {path}\n")) {
            panic!("the response was not sent: {error}");
        }
    }
}

fn respond(out: ResponseOutparam, text: &str) -> Result<(), String> {
    let headers = Fields::new();
    headers
        .append("content-type", b"text/plain; charset=utf-8")
        .map_err(|error| format!("{error:?}"))?;
    let response = OutgoingResponse::new(headers);
    let body = response.body().map_err(|()| "the body was taken before")?;
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = body
        .write()
        .map_err(|()| "the body's stream was taken before")?;
    stream
        .blocking_write_and_flush(text.as_bytes())
        .map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}
