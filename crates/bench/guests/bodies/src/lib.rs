//! Bodies in both directions, streamed: `/up` reads a body and tells its length, `/down/N` writes N bytes, as much at once as the host
//! takes.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

/// What one read asks for.
const READ_BYTES: u64 = 64 << 10;
/// What one write gives at most.
const WRITE_BYTES: usize = 64 << 10;

static FILLING: [u8; WRITE_BYTES] = [b'x'; WRITE_BYTES];

struct Bodies;

wasip2::http::proxy::export!(Bodies);

impl Guest for Bodies {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let sent = match path.strip_prefix("/down/").and_then(|count| count.parse().ok()) {
            Some(count) => respond(out, |body| fill(body, count)),
            None => match read(&request) {
                Ok(count) => respond(out, |body| write_all(body, count.to_string().as_bytes())),
                Err(error) => respond(out, |body| write_all(body, error.as_bytes())),
            },
        };
        if let Err(error) = sent {
            panic!("the response was not sent: {error}");
        }
    }
}

/// The length of the request's body.
fn read(request: &IncomingRequest) -> Result<u64, String> {
    let body = request.consume().map_err(|()| "the body was taken before")?;
    let stream = body.stream().map_err(|()| "the body's stream was taken before")?;
    let mut count = 0;
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(bytes) => count += bytes.len() as u64,
            Err(StreamError::Closed) => return Ok(count),
            Err(error) => return Err(format!("{error:?}")),
        }
    }
}

type Writing<'a> = &'a wasip2::io::streams::OutputStream;

fn respond(out: ResponseOutparam, write: impl FnOnce(Writing<'_>) -> Result<(), String>) -> Result<(), String> {
    let headers = Fields::new();
    headers.append("content-type", b"application/octet-stream").map_err(|error| format!("{error:?}"))?;
    let response = OutgoingResponse::new(headers);
    let body = response.body().map_err(|()| "the body was taken before")?;
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = body.write().map_err(|()| "the body's stream was taken before")?;
    write(&stream)?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}

fn fill(stream: Writing<'_>, count: usize) -> Result<(), String> {
    let mut left = count;
    while left > 0 {
        let piece = left.min(WRITE_BYTES);
        write_all(stream, &FILLING[..piece])?;
        left -= piece;
    }
    Ok(())
}

fn write_all(stream: Writing<'_>, mut bytes: &[u8]) -> Result<(), String> {
    let shown = |error: StreamError| format!("{error:?}");
    let ready = stream.subscribe();
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write().map_err(shown)?).unwrap_or(usize::MAX).min(bytes.len());
        if room == 0 {
            ready.block();
            continue;
        }
        let (now, later) = bytes.split_at(room);
        stream.write(now).map_err(shown)?;
        bytes = later;
    }
    Ok(())
}
