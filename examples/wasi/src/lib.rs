//! Greets in words from a file, by a name from the environment; `/ping` asks a Redis on this machine whether it is there. Uses the files,
//! environment and sockets of WASI by way of Rust's standard library.

use std::io::{Read, Write};
use std::net::TcpStream;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Wasi;

wasip2::http::proxy::export!(Wasi);

impl Guest for Wasi {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = tell(&request).map_err(|error| error.to_string()).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn tell(request: &IncomingRequest) -> std::io::Result<String> {
    if request.path_with_query().as_deref() == Some("/ping") {
        return ping("127.0.0.1:6379");
    }
    let greeting = std::fs::read_to_string("/assets/greeting.txt")?;
    Ok(greeting.replace("{name}", &std::env::var("NAME").unwrap_or_default()))
}

fn ping(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"PING\r\n")?;
    let mut said = [0; 64];
    let count = stream.read(&mut said)?;
    Ok(String::from_utf8_lossy(&said[..count]).into_owned())
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
