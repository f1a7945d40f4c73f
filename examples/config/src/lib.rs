//! Answers with all of its configuration, a line for each name. Uses `wasi:config`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world configured {
                import wasi:config/store@0.2.0-rc.1;
            }
        ",
        path: ["../../crates/capabilities/src/config/wit/rc1"],
        world: "coracle:examples/configured",
        generate_all,
    });
}

use bindings::wasi::config::store;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Configured;

wasip2::http::proxy::export!(Configured);

impl Guest for Configured {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let text = list().unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn list() -> Result<String, String> {
    let mut all = store::get_all().map_err(|error| format!("{error:?}"))?;
    all.sort();
    Ok(all.into_iter().map(|(name, value)| format!("{name} = {value}\n")).collect())
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
