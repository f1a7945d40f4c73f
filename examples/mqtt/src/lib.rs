//! Publishes each path that is asked for to a broker of MQTT on this machine.

mod bindings {
    wit_bindgen::generate!({
        path: "../../crates/capabilities/src/mqtt/wit/fermyon-spin@2.0.0",
        world: "host",
        generate_all,
    });
}

use bindings::fermyon::spin::mqtt::{Connection, Qos};
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

/// Has to stand in the manifest, too.
const ADDRESS: &str = "mqtt://127.0.0.1:1883";

fn publish(request: &IncomingRequest) -> Result<String, String> {
    let path = request.path_with_query().unwrap_or_default();
    let connection = Connection::open(ADDRESS, "", "", 30).map_err(|error| format!("{error:?}"))?;
    connection.publish("paths", path.as_bytes(), Qos::AtLeastOnce).map_err(|error| format!("{error:?}"))?;
    Ok(format!("published {path}\n"))
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
