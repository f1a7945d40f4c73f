//! The JSON API of the benchmark as a guest. What it answers is compiled from the same file as in the native server.

#[path = "../../../src/native/catalogue.rs"]
mod catalogue;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

/// What one read asks for.
const READ_BYTES: u64 = 64 << 10;
/// The most that may be written before the stream is asked again.
const WRITE_BYTES: usize = 4_096;

struct Api;

wasip2::http::proxy::export!(Api);

impl Guest for Api {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let method = match request.method() {
            Method::Get => "GET",
            Method::Post => "POST",
            _ => "OTHER",
        };
        let target = request.path_with_query().unwrap_or_default();
        let body = if method == "POST" { read(&request).unwrap_or_default() } else { Vec::new() };
        let reply = catalogue::answer(method, &target, &body);
        if let Err(error) = respond(out, reply) {
            panic!("the response was not sent: {error}");
        }
    }
}

fn read(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().map_err(|()| "the body was taken before")?;
    let stream = body.stream().map_err(|()| "the body's stream was taken before")?;
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(StreamError::Closed) => return Ok(all),
            Err(error) => return Err(format!("{error:?}")),
        }
    }
}

fn respond(out: ResponseOutparam, reply: catalogue::Reply) -> Result<(), String> {
    let headers = Fields::new();
    headers.append("content-type", b"application/json").map_err(|error| format!("{error:?}"))?;
    headers.append("content-length", reply.body.len().to_string().as_bytes()).map_err(|error| format!("{error:?}"))?;
    let response = OutgoingResponse::new(headers);
    response.set_status_code(reply.status).map_err(|()| "the status is none")?;
    let body = response.body().map_err(|()| "the body was taken before")?;
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = body.write().map_err(|()| "the body's stream was taken before")?;
    for piece in reply.body.chunks(WRITE_BYTES) {
        stream.blocking_write_and_flush(piece).map_err(|error| format!("{error:?}"))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}
