//! Keeps what is sent to a path, and gives it back to who asks for it; `/` lists what there is.

mod bindings {
    wit_bindgen::generate!({
        path: "../../crates/capabilities/src/blob_store/wit/wasi-blobstore@0.2.0-draft",
        world: "host",
        with: { "wasi:io/streams@0.2.1": wasip2::io::streams },
        generate_all,
    });
}

use bindings::wasi::blobstore::blobstore;
use bindings::wasi::blobstore::container::Container;
use bindings::wasi::blobstore::types::{IncomingValue, OutgoingValue};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Files;

wasip2::http::proxy::export!(Files);

impl Guest for Files {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = serve(&request).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

/// Made in the first of the component's stores.
const CONTAINER: &str = "files";

fn serve(request: &IncomingRequest) -> Result<String, String> {
    let container = if blobstore::container_exists(CONTAINER)? {
        blobstore::get_container(CONTAINER)?
    } else {
        blobstore::create_container(CONTAINER)?
    };
    let path = request.path_with_query().unwrap_or_default();
    match path.trim_start_matches('/') {
        "" => list(&container),
        name if matches!(request.method(), wasip2::http::types::Method::Put) => keep(&container, name, request),
        name => {
            let value = container.get_data(name, 0, u64::MAX)?;
            Ok(String::from_utf8_lossy(&IncomingValue::incoming_value_consume_sync(value)?).into_owned())
        }
    }
}

fn list(container: &Container) -> Result<String, String> {
    let names = container.list_objects()?;
    let mut text = String::new();
    loop {
        let (page, is_last) = names.read_stream_object_names(100)?;
        page.iter().for_each(|name| text += &format!("{name}\n"));
        if is_last {
            return Ok(text);
        }
    }
}

/// Streams the body of the request into the object; neither is in memory as a whole.
fn keep(container: &Container, name: &str, request: &IncomingRequest) -> Result<String, String> {
    let body = request.consume().map_err(|()| "the request has no body")?;
    let input = body.stream().map_err(|()| "the body was taken")?;
    let value = OutgoingValue::new_outgoing_value();
    let output = value.outgoing_value_write_body().map_err(|()| "too many objects are being written")?;
    container.write_data(name, &value)?;
    while !matches!(output.blocking_splice(&input, 64 << 10), Err(wasip2::io::streams::StreamError::Closed)) {}
    drop(output);
    OutgoingValue::finish(value)?;
    Ok(format!("kept {name}\n"))
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
