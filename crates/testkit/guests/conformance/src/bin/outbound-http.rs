//! Asks the URL in the header `url` and answers with the body that came back.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingRequest, Scheme};

conformance::program!(check);

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let url = request.headers().get("url").into_iter().next().ok_or("there is no header `url`")?;
    let url = String::from_utf8(url).map_err(|error| error.to_string())?;
    let (scheme, rest) = url.split_once("://").ok_or("the URL has no scheme")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let asked = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    asked.set_scheme(Some(&scheme)).map_err(|()| "outgoing-request#set-scheme")?;
    asked.set_authority(Some(authority)).map_err(|()| "outgoing-request#set-authority")?;
    asked.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(|()| "outgoing-request#set-path-with-query")?;
    let body = asked.body().map_err(|()| "outgoing-request#body")?;
    let future = outgoing_handler::handle(asked, None).map_err(|error| format!("outgoing-handler#handle: {error:?}"))?;
    OutgoingBody::finish(body, None).map_err(|error| format!("outgoing-body#finish: {error:?}"))?;
    future.subscribe().block();
    let response = future.get().ok_or("incoming-response#get: not ready")?.map_err(|()| "incoming-response#get: taken")?;
    let response = response.map_err(|error| format!("incoming-response#get: {error:?}"))?;
    let body = response.consume().map_err(|()| "incoming-response#consume")?;
    let stream = body.stream().map_err(|()| "incoming-body#stream")?;
    let mut whole = Vec::new();
    while let Ok(chunk) = stream.blocking_read(1 << 16) {
        whole.extend(chunk);
    }
    Ok(whole)
}
