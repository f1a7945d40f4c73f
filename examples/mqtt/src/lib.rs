//! Publishes each path to a broker on this machine. Uses `fermyon:spin/mqtt`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world telling {
                import fermyon:spin/mqtt@2.0.0;
            }
        ",
        path: ["../../crates/capabilities/src/mqtt/wit/fermyon-spin@2.0.0"],
        world: "coracle:examples/telling",
        generate_all,
    });
}

use bindings::fermyon::spin::mqtt::{Connection, Error, Qos};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Telling;

wasip2::http::proxy::export!(Telling);

impl Guest for Telling {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = publish(&request).map_err(|error| format!("{error:?}")).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn publish(request: &IncomingRequest) -> Result<String, Error> {
    let path = request.path_with_query().unwrap_or_default();
    let broker = Connection::open("mqtt://127.0.0.1:1883?client_id=coracle-example", "", "", 30)?;
    broker.publish("visits", &path.into_bytes(), Qos::AtLeastOnce)?;
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
