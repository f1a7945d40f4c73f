//! Logs each request: what is asked for with level `info`, and a path that it does not know with `warn`. Uses `wasi:logging`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world logging {
                import wasi:logging/logging@0.1.0-draft;
            }
        ",
        path: ["../../crates/capabilities/src/logging/wit/draft"],
        world: "coracle:examples/logging",
        generate_all,
    });
}

use bindings::wasi::logging::logging::{Level, log};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Logging;

wasip2::http::proxy::export!(Logging);

impl Guest for Logging {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = tell(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn tell(request: &IncomingRequest) -> Result<String, String> {
    let path = request.path_with_query().unwrap_or_default();
    log(Level::Info, "requests", &format!("somebody asks for {path}"));
    if path != "/" {
        log(Level::Warn, "requests", &format!("there is nothing at {path}"));
    }
    Ok("see the log\n".to_owned())
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
