//! Counts visits in the store `default`, each path for itself. Uses `wasi:keyvalue`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world counting {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
            }
        ",
        path: ["../../crates/capabilities/src/key_value/wit/wasi-keyvalue@0.2.0-draft2"],
        world: "coracle:examples/counting",
        generate_all,
    });
}

use bindings::wasi::keyvalue::{atomics, store};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

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
    let bucket = store::open("default").map_err(|error| format!("{error:?}"))?;
    let visits = atomics::increment(&bucket, &path, 1).map_err(|error| format!("{error:?}"))?;
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
