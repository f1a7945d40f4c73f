//! An HTTP guest of the WASI snapshot `0.2.0-rc-2023-10-18`. It tells a request back, or asks the URL in the header `url` and answers
//! with the status and the body that came, or with the error.

wit_bindgen::generate!({
    path: "../../../capabilities/src/wasi/legacy/snapshot.wit",
    world: "handler",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Error, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions,
    ResponseOutparam, Scheme,
};
use wasi::io::poll::poll_one;

/// What one write takes at most.
const CHUNK_BYTES: usize = 4096;

struct Snapshot;

export!(Snapshot);

impl Guest for Snapshot {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let url = request.headers().get("url").into_iter().next();
        let text = match url {
            Some(url) => fetch(&String::from_utf8(url).unwrap()).unwrap_or_else(|error| format!("{error:?}")),
            None => told(&request),
        };
        // A guest may not set the second one, and then it is not there.
        let entries = [("content-type", "text/plain"), ("connection", "close"), ("x-removed", "1")];
        let headers = Fields::new(&entries.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
        headers.delete("x-removed");
        headers.set("x-set", &[b"one".to_vec(), b"two".to_vec()]);
        headers.append("x-set", b"three");
        let response = OutgoingResponse::new(200, &headers);
        let body = response.write().unwrap();
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().unwrap();
        for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
            stream.blocking_write_and_flush(chunk).unwrap();
        }
        drop(stream);
        OutgoingBody::finish(body, None);
    }
}

fn told(request: &IncomingRequest) -> String {
    let method = request.method();
    let (path, scheme, authority) = (request.path_with_query(), request.scheme(), request.authority());
    let body = String::from_utf8(read(request.consume().unwrap())).unwrap();
    format!("{method:?} {path:?} {scheme:?} {authority:?} {body}")
}

fn fetch(url: &str) -> Result<String, Error> {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let headers = Fields::new(&[("x-from".to_owned(), b"snapshot".to_vec())]);
    let (path, scheme) = (format!("/{path}"), Scheme::Http);
    let request = OutgoingRequest::new(&Method::Get, Some(&path), Some(&scheme), Some(authority), &headers);
    let body = request.write().unwrap();
    let options = RequestOptions { connect_timeout_ms: Some(5_000), first_byte_timeout_ms: None, between_bytes_timeout_ms: None };
    let future = outgoing_handler::handle(request, Some(options))?;
    OutgoingBody::finish(body, None);
    poll_one(&future.subscribe());
    let response = future.get().unwrap().unwrap()?;
    let status = response.status();
    Ok(format!("{status} {}", String::from_utf8_lossy(&read(response.consume().unwrap()))))
}

fn read(body: IncomingBody) -> Vec<u8> {
    let stream = body.stream().unwrap();
    let mut whole = Vec::new();
    while let Ok(chunk) = stream.blocking_read(1 << 16) {
        whole.extend(chunk);
    }
    drop(stream);
    let trailers = IncomingBody::finish(body);
    poll_one(&trailers.subscribe());
    assert!(trailers.get().unwrap().is_ok_and(|trailers| trailers.entries().is_empty()));
    whole
}
