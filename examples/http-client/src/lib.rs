//! Asks another server and tells what it said. Here the other one is the app itself, which guests call `self.alt` and manifests `http://self`;
//! nothing leaves the process. Write `https://api.example.com` into the manifest, and that host below, for one that does. Uses `wasi:http`.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{OutgoingRequest, Scheme};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Asking;

wasip2::http::proxy::export!(Asking);

impl Guest for Asking {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = tell(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn tell(request: &IncomingRequest) -> Result<String, String> {
    match request.path_with_query().as_deref() {
        Some("/time") => Ok("it is late\n".to_owned()),
        _ => Ok(format!("the other server says: {}", ask("self.alt", "/time")?)),
    }
}

fn ask(authority: &str, path: &str) -> Result<String, String> {
    let request = OutgoingRequest::new(Fields::new());
    let set = request.set_scheme(Some(&Scheme::Http)).and_then(|()| request.set_authority(Some(authority)));
    set.and_then(|()| request.set_path_with_query(Some(path))).map_err(|()| "the URL is wrong")?;
    let asked = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    asked.subscribe().block();
    let response = asked.get().and_then(Result::ok).ok_or("there is no answer")?.map_err(|code| format!("{code:?}"))?;
    let body = response.consume().map_err(|()| "the body was taken before")?;
    let stream = body.stream().map_err(|()| "the body's stream was taken before")?;
    let mut bytes = Vec::new();
    while let Ok(more) = stream.blocking_read(4096) {
        bytes.extend(more);
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn answer(out: ResponseOutparam, text: &str) -> Result<(), ErrorCode> {
    let wrong = |what: &str| ErrorCode::InternalError(Some(what.to_owned()));
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| wrong("body"))?;
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().map_err(|()| wrong("stream"))?;
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|_| wrong("write"))?;
    drop(stream);
    OutgoingBody::finish(body, None)
}
