//! Answers with what a language model says. Uses `fermyon:spin/llm`; `runtime-config.toml` names a service that runs it.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world llm-user {
                import fermyon:spin/llm@2.0.0;
            }
        ",
        path: ["../../crates/capabilities/src/llm/wit/v2"],
        world: "coracle:examples/llm-user",
        generate_all,
    });
}

use bindings::fermyon::spin::llm;
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
    let written = llm::infer("llama3.2", "Say hello to the world, in one sentence.", None).map_err(|error| format!("{error:?}"))?;
    Ok(format!("{}\n", written.text))
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
