//! The `spin-*` headers that tell a guest how it was reached. The gateway removes what a client sends under these names; here they are
//! replaced once more, because a call within the app does not pass the gateway.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use coracle_app::http::{Match, Route};
use http::Uri;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::Peer;

const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
/// The route that a call from another component takes.
pub(super) const CALL_ROUTE: &str = "/...";
const PREFIX: &str = "spin-";
const PATH_MATCH: &str = "spin-path-match-";
/// The longest address of most clients, with its port; longer ones move the text once.
const ADDRESS_BYTES: usize = 24;

/// The values that a route gives to all its requests.
#[derive(Debug)]
pub(super) struct RouteHeaders {
    matched: HeaderValue,
    component: HeaderValue,
}

pub(super) type Added = Vec<(HeaderName, HeaderValue)>;

impl RouteHeaders {
    pub(super) fn new(route: &Route) -> Self {
        Self { matched: value(&route.matched_route()), component: value(route.component_route()) }
    }

    /// The route, as the manifest writes it.
    pub(super) fn matched_route(&self) -> &str {
        self.matched.to_str().unwrap_or_default()
    }
}

/// The headers of a request that came over a route.
pub(super) fn of_request<T>(route: &RouteHeaders, found: &Match<'_, '_, T>, uri: &Uri, peer: Peer) -> Added {
    let mut added = common(uri, peer, found.trailing.unwrap_or_default(), found.params.len());
    added.push((MATCHED_ROUTE, route.matched.clone()));
    added.push((RAW_COMPONENT_ROUTE, route.matched.clone()));
    added.push((COMPONENT_ROUTE, route.component.clone()));
    for (name, text) in &found.params {
        let name = format!("{PATH_MATCH}{}", name.to_ascii_lowercase().replace('_', "-"));
        if let Ok(name) = HeaderName::try_from(name) {
            added.push((name, value(text)));
        }
    }
    added
}

/// The headers of a call from another component.
pub(super) fn of_call(uri: &Uri, peer: Peer) -> Added {
    let mut added = common(uri, peer, uri.path(), 0);
    added.push((MATCHED_ROUTE, HeaderValue::from_static(CALL_ROUTE)));
    added.push((RAW_COMPONENT_ROUTE, HeaderValue::from_static(CALL_ROUTE)));
    added.push((COMPONENT_ROUTE, HeaderValue::from_static("")));
    added
}

/// Removes every `spin-*` header of `headers` and puts `added` in their place.
pub(super) fn replace(headers: &mut HeaderMap, added: Added) {
    let foreign: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
    for name in foreign {
        headers.remove(name);
    }
    headers.reserve(added.len());
    headers.extend(added);
}

/// What every request has, with room for the rest: three headers of the route, and as many as the route has parameters. The values
/// share one piece of memory.
fn common(uri: &Uri, peer: Peer, path_info: &str, params: usize) -> Added {
    let scheme = if peer.tls { "https://" } else { "http://" };
    let authority = uri.authority().map_or("localhost", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut text = String::with_capacity(scheme.len() + authority.len() + path.len() + path_info.len() + ADDRESS_BYTES);
    for part in [scheme, authority, path] {
        text.push_str(part);
    }
    let full_url = text.len();
    text.push_str(path_info);
    let path_info = text.len();
    push_address(&mut text, peer.client);
    let text = Bytes::from(text);
    let part = |bytes| HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static(""));
    let mut added = Added::with_capacity(7 + params);
    added.push((FULL_URL, part(text.slice(..full_url))));
    added.push((PATH_INFO, part(text.slice(full_url..path_info))));
    added.push((BASE_PATH, HeaderValue::from_static("/")));
    added.push((CLIENT_ADDR, part(text.slice(path_info..))));
    added
}

/// Writes `address` as it shows itself; the machinery of formatting would take ten times as long for each request.
fn push_address(text: &mut String, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            for (octet, end) in address.ip().octets().into_iter().zip(['.', '.', '.', ':']) {
                push_number(text, u32::from(octet));
                text.push(end);
            }
            push_number(text, u32::from(address.port()));
        }
        SocketAddr::V6(_) => {
            let _ = write!(text, "{address}");
        }
    }
}

fn push_number(text: &mut String, number: u32) {
    for power in [10_000, 1_000, 100, 10, 1] {
        if (number >= power || power == 1)
            && let Some(digit) = char::from_digit(number / power % 10, 10)
        {
            text.push(digit);
        }
    }
}

/// `text` as a header value. Everything here comes from a parsed URI or manifest, so nothing is lost in practice.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_show_themselves() {
        for address in ["0.0.0.0:0", "127.0.0.1:80", "255.10.99.100:65535", "1.2.3.4:10000", "[::1]:3000", "[2001:db8::7]:9"] {
            let mut text = String::new();
            push_address(&mut text, address.parse().unwrap());
            assert_eq!(text, address);
        }
    }
}
