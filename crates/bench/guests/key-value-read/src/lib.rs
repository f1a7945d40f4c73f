//! Reads a value: `/STORE/KEY` opens the store through `wasi:keyvalue` and answers with what is under the key.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:bench;
            world reader {
                import wasi:keyvalue/store@0.2.0-draft;
            }
        ",
        path: ["../../../capabilities/src/key_value/wit/wasi-keyvalue@0.2.0-draft"],
        world: "coracle:bench/reader",
        generate_all,
    });
}

use bindings::wasi::keyvalue::store;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Reader;

wasip2::http::proxy::export!(Reader);

impl Guest for Reader {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, body) = match read(&path) {
            Ok(Some(value)) => (200, value),
            Ok(None) => (404, b"there is no such key\n".to_vec()),
            Err(error) => (500, error.into_bytes()),
        };
        if let Err(error) = respond(out, status, &body) {
            panic!("the response was not sent: {error}");
        }
    }
}

fn read(path: &str) -> Result<Option<Vec<u8>>, String> {
    let (name, key) = path.strip_prefix('/').and_then(|rest| rest.split_once('/')).ok_or("ask for /STORE/KEY")?;
    let bucket = store::open(name).map_err(|error| format!("{error:?}"))?;
    bucket.get(key).map_err(|error| format!("{error:?}"))
}

fn respond(out: ResponseOutparam, status: u16, bytes: &[u8]) -> Result<(), String> {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).map_err(|()| "the status is none")?;
    let body = response.body().map_err(|()| "the body was taken before")?;
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = body.write().map_err(|()| "the body's stream was taken before")?;
    stream.blocking_write_and_flush(bytes).map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}
