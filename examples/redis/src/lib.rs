//! Counts visits in a Redis on this machine, each path for itself.

mod bindings {
    wit_bindgen::generate!({
        path: "../../crates/capabilities/src/redis/wit/fermyon-spin@2.0.0",
        world: "host",
        generate_all,
    });
}

use bindings::fermyon::spin::redis::Connection;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// Has to stand in the manifest, too.
const ADDRESS: &str = "redis://127.0.0.1:6379";

struct Visits;

wasip2::http::proxy::export!(Visits);

impl Guest for Visits {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = count(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn count(request: &IncomingRequest) -> Result<String, String> {
    let path = request.path_with_query().unwrap_or_default();
    let connection = Connection::open(ADDRESS).map_err(|error| format!("{error:?}"))?;
    let visits = connection.incr(&format!("visits:{path}")).map_err(|error| format!("{error:?}"))?;
    Ok(format!("visit {visits} of {path}\n"))
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
