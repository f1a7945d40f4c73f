//! Checks and cleans the head of a request, of whichever protocol: one host and one only, no hop-by-hop field, no field that only the
//! host may set. Framing is not judged here; HTTP/1 was by `http1`, HTTP/2 by its frames.

use std::net::SocketAddr;

use coracle_triggers::http::Peer;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use parking_lot::Mutex;

use crate::bounds::Bounds;
use crate::headers::{has, remove_all};
use crate::http1::is_host;
use crate::refusal::Refusal;

/// Fields that mean something for one connection only.
static HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// Fields that a `connection` field may not make disappear: what is left would be another request.
const NOT_BY_CONNECTION: &[HeaderName] = &[HOST, CONTENT_LENGTH, CONTENT_TYPE, http::header::AUTHORIZATION, COOKIE, http::header::EXPECT];

/// Names that begin like this tell a guest what the host found out. Nobody else may set them.
const OURS: &[&str] = &["spin-", "x-coracle-"];

/// Fields that mean nothing, or mischief, after the body that they speak of.
const HEAD_ONLY: &[&str] = &[
    "content-length",
    "transfer-encoding",
    "host",
    "trailer",
    "te",
    "connection",
    "content-type",
    "content-encoding",
    "authorization",
    "cookie",
];

/// Where a request came in.
pub(crate) struct Context<'a> {
    pub(crate) bounds: &'a Bounds,
    pub(crate) peer: Peer,
    /// The authority of HTTP/1.0 requests that name none.
    pub(crate) address: SocketAddr,
    /// The last authority of this connection.
    pub(crate) known: &'a Mutex<Option<Authority>>,
}

/// Refuses the request, or leaves it with scheme, authority and raw path in its URI, and without what a service must not see.
pub(crate) fn admit(parts: &mut Parts, context: &Context<'_>) -> Result<(), Refusal> {
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::NotServed);
    }
    if !matches!(parts.version, Version::HTTP_10 | Version::HTTP_11 | Version::HTTP_2) {
        return Err(Refusal::Version);
    }
    check_size(parts, context.bounds)?;
    let authority = authority(parts, context)?;
    set_uri(parts, authority, context.peer)?;
    strip(&mut parts.headers);
    if parts.version == Version::HTTP_2 {
        join_cookies(&mut parts.headers);
    }
    Ok(())
}

/// Whether a field belongs to the head of a message: in trailers it would change what was read already, or pretend to come from the host.
pub(crate) fn belongs_to_head(name: &[u8]) -> bool {
    let begins = |start: &&str| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()));
    HEAD_ONLY.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes())) || OURS.iter().any(begins)
}

fn check_size(parts: &Parts, bounds: &Bounds) -> Result<(), Refusal> {
    if parts.uri.path_and_query().is_some_and(|path| path.as_str().len() > bounds.target_bytes_max) {
        return Err(Refusal::TargetTooLong);
    }
    if parts.headers.len() > bounds.fields_max {
        return Err(Refusal::FieldsTooLarge);
    }
    Ok(())
}

/// The one authority that the request is for. `host` is set from it where only the target had one.
fn authority(parts: &mut Parts, context: &Context<'_>) -> Result<Authority, Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::TwoHosts);
    }
    if let Some(target) = parts.uri.authority() {
        let agrees = host.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(target.as_str().as_bytes()));
        if !is_host(target.as_str().as_bytes()) || host.is_some_and(|host| !is_host(host.as_bytes())) {
            return Err(Refusal::Host);
        }
        if !agrees {
            return Err(Refusal::HostDiffers);
        }
        // In HTTP/1.1 `host` is due even beside an absolute target.
        if host.is_none() && parts.version == Version::HTTP_11 {
            return Err(Refusal::NoHost);
        }
    } else if host.is_none() && parts.version != Version::HTTP_10 {
        return Err(Refusal::NoHost);
    }
    if let Some(host) = host {
        return known(host, context);
    }
    let authority = match parts.uri.authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(context.address.to_string()).map_err(|_| Refusal::NoHost)?,
    };
    let host = HeaderValue::try_from(authority.as_str()).map_err(|_| Refusal::Host)?;
    parts.headers.insert(HOST, host);
    Ok(authority)
}

/// Parses `host`, or takes what was parsed the last time.
fn known(host: &HeaderValue, context: &Context<'_>) -> Result<Authority, Refusal> {
    let mut known = context.known.lock();
    if let Some(known) = known.as_ref().filter(|known| known.as_str().as_bytes() == host.as_bytes()) {
        return Ok(known.clone());
    }
    if !is_host(host.as_bytes()) {
        return Err(Refusal::Host);
    }
    let authority = Authority::try_from(host.as_bytes()).map_err(|_| Refusal::Host)?;
    *known = Some(authority.clone());
    Ok(authority)
}

fn set_uri(parts: &mut Parts, authority: Authority, peer: Peer) -> Result<(), Refusal> {
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    if uri.scheme.as_ref().is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
        return Err(Refusal::Target);
    }
    // What the connection is counts, not what the client says it is.
    uri.scheme = Some(if peer.tls { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(authority);
    let path = uri.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    // An absolute target may have a query and no path.
    if path.as_str().starts_with('?') {
        *path = PathAndQuery::try_from(format!("/{}", path.as_str())).map_err(|_| Refusal::Target)?;
    }
    let is_asterisk = path.as_str() == "*" && parts.method == Method::OPTIONS;
    if !path.as_str().starts_with('/') && !is_asterisk {
        return Err(Refusal::Target);
    }
    parts.uri = Uri::from_parts(uri).map_err(|_| Refusal::Target)?;
    Ok(())
}

/// Removes what is not for a service.
fn strip(headers: &mut HeaderMap) {
    let has_te = has(headers, &TE);
    let wants_trailers = has_te
        && headers.get_all(TE).iter().any(|value| {
            let mut codings = value.as_bytes().split(|byte| *byte == b',');
            codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
        });
    if has(headers, &CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| !NOT_BY_CONNECTION.contains(name))
            .collect();
        for name in listed {
            headers.remove(name);
        }
    }
    remove_all(headers, &HOP_BY_HOP);
    if has_te {
        headers.remove(TE);
    }
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let is_ours = |name: &HeaderName| OURS.iter().any(|start| name.as_str().starts_with(start));
    if headers.keys().any(is_ours) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}

/// HTTP/2 lets a client send its cookies in crumbs, each a field of its own; who asks for the field `cookie` wants all of them.
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Values that are valid by themselves are valid with a semicolon between them.
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}
