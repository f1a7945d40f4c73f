//! Writes an object for each path, and lists what there is. Uses `wasi:blobstore`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world gallery {
                import wasi:blobstore/types@0.2.0-draft;
                import wasi:blobstore/container@0.2.0-draft;
                import wasi:blobstore/blobstore@0.2.0-draft;
            }
        ",
        path: ["../../crates/capabilities/src/blobstore/wit/wasi-blobstore@0.2.0-draft"],
        world: "coracle:examples/gallery",
        with: { "wasi:io/streams@0.2.1": wasip2::io::streams },
        generate_all,
    });
}

use bindings::wasi::blobstore::blobstore;
use bindings::wasi::blobstore::types::OutgoingValue;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Gallery;

wasip2::http::proxy::export!(Gallery);

impl Guest for Gallery {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = keep(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn keep(request: &IncomingRequest) -> Result<String, String> {
    let path = request.path_with_query().unwrap_or_default();
    let name = path.trim_matches('/').replace('/', "-");
    let container = match blobstore::container_exists("greetings")? {
        true => blobstore::get_container("greetings")?,
        false => blobstore::create_container("greetings")?,
    };
    let value = OutgoingValue::new_outgoing_value();
    let stream = value.outgoing_value_write_body().map_err(|()| "the object has no body")?;
    container.write_data(&format!("{name}.txt"), &value)?;
    stream.blocking_write_and_flush(format!("Hello, {name}!").as_bytes()).map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingValue::finish(value)?;
    let (names, _) = container.list_objects()?.read_stream_object_names(100)?;
    Ok(names.into_iter().map(|name| name + "\n").collect())
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
