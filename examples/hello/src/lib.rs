//! Answers every request with a greeting: `/` greets the world, `/ada` greets Ada. Uses nothing but `wasi:http`.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let name = path.split('?').next().unwrap_or_default().trim_matches('/');
        let name = if name.is_empty() { "world" } else { name };
        if let Err(error) = respond(out, &format!("Hello, {name}!\n")) {
            eprintln!("the greeting was not sent: {error:?}");
        }
    }
}

fn respond(out: ResponseOutparam, text: &str) -> Result<(), ErrorCode> {
    let wrong = |what: &str| ErrorCode::InternalError(Some(what.to_owned()));
    let headers = Fields::new();
    headers.append("content-type", b"text/plain; charset=utf-8").map_err(|_| wrong("content-type"))?;
    let response = OutgoingResponse::new(headers);
    let body = response.body().map_err(|()| wrong("body"))?;
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().map_err(|()| wrong("stream"))?;
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|_| wrong("write"))?;
    drop(stream);
    OutgoingBody::finish(body, None)
}
