//! A request for `/base/path/end/rest?key=value` at host `example.com` reaches the route `/base/:path_segment/:path_end/...` whole, with
//! every `spin-*` header once and no other.

use conformance::ensure;
use wasip2::http::types::{IncomingRequest, Method, Scheme};

conformance::program!(check);

const EXPECTED: &[(&str, &str)] = &[
    ("spin-base-path", "/"),
    ("spin-component-route", "/base/:path_segment/:path_end"),
    ("spin-full-url", "http://example.com/base/path/end/rest?key=value"),
    ("spin-matched-route", "/base/:path_segment/:path_end/..."),
    ("spin-path-info", "/rest"),
    ("spin-path-match-path-end", "end"),
    ("spin-path-match-path-segment", "path"),
    ("spin-raw-component-route", "/base/:path_segment/:path_end/..."),
];

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let method = request.method();
    ensure(matches!(method, Method::Get), || format!("the method is {method:?}"))?;
    let authority = request.authority();
    ensure(authority.as_deref() == Some("example.com"), || format!("the authority is {authority:?}"))?;
    let path = request.path_with_query();
    ensure(path.as_deref() == Some("/base/path/end/rest?key=value"), || format!("the path is {path:?}"))?;
    let scheme = request.scheme();
    ensure(matches!(scheme, Some(Scheme::Http | Scheme::Https)), || format!("the scheme is {scheme:?}"))?;
    let headers = request.headers().entries();
    let mut spin: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("spin-") || name.starts_with("spin_")).collect();
    spin.sort();
    let client = spin.iter().position(|(name, _)| name == "spin-client-addr").ok_or("there is no spin-client-addr")?;
    let (_, address) = spin.remove(client);
    let address = String::from_utf8_lossy(address);
    ensure(address.parse::<std::net::SocketAddr>().is_ok(), || format!("spin-client-addr is {address}"))?;
    let spin: Vec<_> = spin.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value))).collect();
    let same = spin.len() == EXPECTED.len() && spin.iter().zip(EXPECTED).all(|((name, value), expected)| (*name, value.as_ref()) == *expected);
    ensure(same, || format!("the headers are {spin:?}"))?;
    Ok(Vec::new())
}
