//! Publishes each path that is asked for as a message to a subject of `orders`.

mod bindings {
    wit_bindgen::generate!({
        path: "../../crates/capabilities/src/messaging/wit/wasmcloud-messaging@0.2.0",
        world: "host",
        generate_all,
    });
}

use bindings::wasmcloud::messaging::consumer;
use bindings::wasmcloud::messaging::types::BrokerMessage;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Publisher;

wasip2::http::proxy::export!(Publisher);

impl Guest for Publisher {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = publish(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn publish(request: &IncomingRequest) -> Result<String, String> {
    let path = request.path_with_query().unwrap_or_default();
    // Subjects are names with dots in between; the manifest says which ones may be written to.
    let subject = format!("orders.{}", path.trim_matches('/').replace('/', "."));
    consumer::publish(&BrokerMessage { subject: subject.clone(), body: path.into_bytes(), reply_to: None })?;
    Ok(format!("published to {subject}\n"))
}

fn answer(out: ResponseOutparam, text: &str) -> Result<(), ErrorCode> {
    let wrong = |what: &str| ErrorCode::InternalError(Some(what.to_owned()));
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| wrong("body"))?;
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().map_err(|()| wrong("stream"))?;
    for chunk in text.as_bytes().chunks(4096) {
        stream.blocking_write_and_flush(chunk).map_err(|_| wrong("write"))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None)
}
