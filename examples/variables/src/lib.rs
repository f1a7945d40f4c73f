//! Answers with a greeting whose words the operator may change: `coracle up --variable name=Ada`. Uses `fermyon:spin/variables`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world greeting {
                import fermyon:spin/variables@2.0.0;
            }
        ",
        path: ["../../crates/capabilities/src/variables/wit/v2"],
        world: "coracle:examples/greeting",
        generate_all,
    });
}

use bindings::fermyon::spin::variables;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Greeting;

wasip2::http::proxy::export!(Greeting);

impl Guest for Greeting {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let text = variables::get("greeting").map(|words| words + "\n").map_err(|error| format!("{error:?}")).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
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
