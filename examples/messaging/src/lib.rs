//! Publishes each path under the subject `visits`. Uses `wasmcloud:messaging`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world telling {
                import wasmcloud:messaging/consumer@0.2.0;
            }
        ",
        path: ["../../crates/capabilities/src/messaging/wit/wasmcloud-messaging@0.2.0"],
        world: "coracle:examples/telling",
        generate_all,
    });
}

use bindings::wasmcloud::messaging::consumer;
use bindings::wasmcloud::messaging::types::BrokerMessage;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Telling;

wasip2::http::proxy::export!(Telling);

impl Guest for Telling {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = publish(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn publish(request: &IncomingRequest) -> Result<String, String> {
    let body = request.path_with_query().unwrap_or_default().into_bytes();
    consumer::publish(&BrokerMessage { subject: "visits".to_owned(), body, reply_to: None })?;
    Ok("published\n".to_owned())
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
