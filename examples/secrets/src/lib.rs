//! Answers with the length of a secret. Uses `wasmcloud:secrets`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world secrets-user {
                import wasmcloud:secrets/store@0.1.0-draft;
                import wasmcloud:secrets/reveal@0.1.0-draft;
            }
        ",
        path: ["../../crates/capabilities/src/secrets/wit/wasmcloud-secrets@0.1.0-draft"],
        world: "coracle:examples/secrets-user",
        generate_all,
    });
}

use bindings::wasmcloud::secrets::{reveal, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct App;

wasip2::http::proxy::export!(App);

impl Guest for App {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let text = work().unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn work() -> Result<String, String> {
    let secret = store::get("api_token").map_err(|error| format!("{error:?}"))?;
    let length = match reveal::reveal(&secret) {
        store::SecretValue::String(text) => text.len(),
        store::SecretValue::Bytes(bytes) => bytes.len(),
    };
    Ok(format!("the token has {length} bytes\n"))
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
