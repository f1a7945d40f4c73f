//! Counts visits of each path in the store behind the link that the query names, as in `/a?backup`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package example:bus;
            world counter {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasmcloud:bus/lattice@2.0.1;
            }
        ",
        path: [
            "../../crates/capabilities/src/key_value/wit/wasi-keyvalue@0.2.0-draft",
            "../../crates/capabilities/src/bus/wit/wasmcloud-bus@2.0.1",
        ],
        generate_all,
    });
}

use bindings::wasi::keyvalue::{atomics, store};
use bindings::wasmcloud::bus::lattice::{self, CallTargetInterface};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Counter;

wasip2::http::proxy::export!(Counter);

impl Guest for Counter {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = count(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn count(request: &IncomingRequest) -> Result<String, String> {
    let asked = request.path_with_query().unwrap_or_default();
    let (path, link) = asked.split_once('?').unwrap_or((&asked, "default"));
    // Each interface has a link of its own, until the invocation ends.
    let linked = ["store", "atomics"].map(|interface| CallTargetInterface::new("wasi", "keyvalue", interface));
    lattice::set_link_name(link, linked.into())?;
    let bucket = store::open("default").map_err(|error| format!("{error:?}"))?;
    let visits = atomics::increment(&bucket, path, 1).map_err(|error| format!("{error:?}"))?;
    Ok(format!("visit {visits} of {path} by {link}\n"))
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
