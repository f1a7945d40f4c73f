//! Answers with the scheme and the headers of the request, a line for each.

use wasip2::http::types::IncomingRequest;

conformance::program!(check);

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let headers = request.headers().entries();
    let mut lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {}", value.escape_ascii())).collect();
    lines.sort();
    lines.insert(0, format!("{:?}", request.scheme()));
    Ok(lines.join("\n").into_bytes())
}
