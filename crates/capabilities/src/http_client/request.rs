//! A guest's request, taken apart and built anew: where it goes is decided from its parts alone, and what is written to the wire is
//! derived from what was decided.

use http::header::{CONTENT_LENGTH, HOST, TE, TRAILER};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use wasmtime_wasi_http::Error;

use super::state::is_forbidden;
use crate::egress::{Destination, Host};

/// Our own headers, by which parts of the platform tell each other who is asking.
const OWN_PREFIX: &str = "x-coracle-";
/// What the HTTP trigger tells a guest about its request.
const SPIN_PREFIX: &str = "spin-";
/// The longest target that is sent, in bytes.
const TARGET_BYTES_MAX: usize = 64 << 10;

/// Bounds on the fields of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldBounds {
    /// Names and values together.
    pub(super) bytes_max: usize,
    pub(super) count_max: usize,
}

/// Where `request` wants to go.
pub(super) fn destination<B>(request: &Request<B>) -> Result<Destination, Error> {
    let uri = request.uri();
    let scheme = if uri.scheme() == Some(&Scheme::HTTP) { "http" } else { "https" };
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?.as_str();
    // Names and passwords in an authority only ever disguise a host.
    if authority.contains('@') {
        return Err(Error::HttpRequestUriInvalid);
    }
    Destination::parse(&format!("{scheme}://{authority}"), scheme).map_err(|_| Error::HttpRequestUriInvalid)
}

/// Checks a request, and removes from it what is not the guest's to say.
pub(super) fn clean<B>(request: &mut Request<B>, bounds: FieldBounds) -> Result<(), Error> {
    if request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid);
    }
    let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    // Anything else would be read as the name of another host, or of none.
    if !(target.is_empty() || target.starts_with(['/', '?'])) {
        return Err(Error::HttpRequestUriInvalid);
    }
    if target.len() > TARGET_BYTES_MAX {
        return Err(Error::HttpRequestUriTooLong);
    }
    let headers = request.headers_mut();
    clean_fields(headers);
    if headers.get(TE).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"trailers")) {
        headers.remove(TE);
    }
    let bytes = size(headers);
    if bytes > bounds.bytes_max || headers.len() > bounds.count_max {
        return Err(Error::HttpRequestHeaderSectionSize(u32::try_from(bytes).ok()));
    }
    Ok(())
}

/// Removes the fields that are for the next hop only, or for the inside of the platform.
pub(super) fn clean_fields(headers: &mut HeaderMap) {
    remove(headers, |name| is_forbidden(name) || name.as_str().starts_with(OWN_PREFIX));
}

/// Removes from trailers what would change how the message itself is read.
pub(super) fn clean_trailers(trailers: &mut HeaderMap) {
    clean_fields(trailers);
    remove(trailers, |name| [CONTENT_LENGTH, TE, TRAILER, http::header::CONTENT_ENCODING, http::header::CONTENT_TYPE].contains(name));
}

/// Removes what the HTTP trigger alone may tell a guest.
pub(super) fn clean_for_guest(headers: &mut HeaderMap) {
    remove(headers, |name| name.as_str().starts_with(SPIN_PREFIX));
}

/// Names and values together, in bytes.
pub(super) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len())).sum()
}

/// Writes the target and the host as HTTP/1.1 wants them.
pub(super) fn address_h1<B>(request: &mut Request<B>, destination: &Destination) -> Result<(), Error> {
    let host = HeaderValue::try_from(destination.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = Uri::from(path_and_query(request)?);
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// Writes the target as HTTP/2 wants it, where the host is part of it.
pub(super) fn address_h2<B>(request: &mut Request<B>, destination: &Destination) -> Result<(), Error> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if destination.scheme == "http" { Scheme::HTTP } else { Scheme::HTTPS });
    parts.authority = Some(Authority::try_from(destination.authority()).map_err(|_| Error::HttpRequestUriInvalid)?);
    parts.path_and_query = Some(path_and_query(request)?);
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().remove(HOST);
    Ok(())
}

/// Writes target and host of a request that stays in the process.
pub(super) fn address_local<B>(request: &mut Request<B>, host: &Host) -> Result<(), Error> {
    let authority = if *host == Host::Own { "self.alt".to_owned() } else { host.to_string() };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(Authority::try_from(authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?);
    parts.path_and_query = Some(path_and_query(request)?);
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
    let host = HeaderValue::try_from(authority).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// The target in origin form.
fn path_and_query<B>(request: &Request<B>) -> Result<PathAndQuery, Error> {
    match request.uri().path_and_query() {
        None => Ok(PathAndQuery::from_static("/")),
        // An empty one reads as this, too, but would be written as nothing.
        Some(target) if target.as_str() == "/" => Ok(PathAndQuery::from_static("/")),
        Some(target) if target.as_str().starts_with('/') => Ok(target.clone()),
        Some(target) => PathAndQuery::try_from(format!("/{}", target.as_str())).map_err(|_| Error::HttpRequestUriInvalid),
    }
}

fn remove(headers: &mut HeaderMap, is_removed: impl Fn(&HeaderName) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_removed(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: FieldBounds = FieldBounds { bytes_max: 1_000, count_max: 10 };

    fn request(uri: &str) -> Request<()> {
        Request::get(uri).body(()).unwrap()
    }

    #[test]
    fn what_is_written_is_derived_from_what_was_decided() {
        for (uri, host, target) in [
            ("http://Example.COM", "example.com", "/"),
            ("http://example.com:80/a?b", "example.com", "/a?b"),
            ("http://example.com:8080?b", "example.com:8080", "/?b"),
            ("https://example.com:443//evil.dev/", "example.com", "//evil.dev/"),
            ("http://2130706433/x", "127.0.0.1", "/x"),
            ("http://[::1]:81/", "[::1]:81", "/"),
            ("http://example.com./x", "example.com", "/x"),
        ] {
            let mut request = request(uri);
            request.headers_mut().insert(HOST, HeaderValue::from_static("evil.dev"));
            let destination = destination(&request).unwrap();
            clean(&mut request, BOUNDS).unwrap();
            address_h1(&mut request, &destination).unwrap();
            assert_eq!((request.headers()[HOST].to_str().unwrap(), request.uri().to_string().as_str()), (host, target), "{uri}");
            address_h2(&mut request, &destination).unwrap();
            assert!(!request.headers().contains_key(HOST));
            assert_eq!(request.uri().authority().unwrap().as_str(), host, "{uri}");
            assert_eq!(request.uri().path_and_query().unwrap().as_str(), target, "{uri}");
        }
    }

    #[test]
    fn an_empty_target_is_written_as_the_root() {
        let empty = Uri::builder().path_and_query("").build().unwrap().path_and_query().cloned();
        let uri = Uri::builder().scheme("http").authority("example.com").path_and_query(empty.unwrap()).build().unwrap();
        let mut request = Request::get(uri).body(()).unwrap();
        let destination = destination(&request).unwrap();
        address_h1(&mut request, &destination).unwrap();
        assert_eq!(request.uri().to_string(), "/");
    }

    #[test]
    fn an_authority_in_disguise_is_refused() {
        for uri in ["http://good.dev@evil.dev/", "http://user:pw@good.dev/", "http://1.2.3.4.5/", "/relative"] {
            assert!(matches!(destination(&request(uri)), Err(Error::HttpRequestUriInvalid)), "{uri}");
        }
    }

    #[test]
    fn hop_by_hop_and_platform_fields_are_removed() {
        let mut request = request("http://example.com/");
        for (name, value) in [
            ("connection", "x-a"),
            ("keep-alive", "1"),
            ("proxy-authorization", "x"),
            ("proxy-connection", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("te", "gzip"),
            ("x-coracle-component", "other"),
            ("x-kept", "1"),
        ] {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        clean(&mut request, BOUNDS).unwrap();
        assert_eq!(request.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
    }

    #[test]
    fn tunnels_and_oversize_are_refused() {
        let connect = Request::connect("http://example.com").body(());
        assert!(matches!(clean(&mut connect.unwrap(), BOUNDS), Err(Error::HttpRequestMethodInvalid)));
        let mut long = request(&format!("http://example.com/{}", "a".repeat(65_000)));
        assert!(clean(&mut long, BOUNDS).is_ok());
        let mut wide = request("http://example.com/");
        wide.headers_mut().insert("a", HeaderValue::from_str(&"a".repeat(1_000)).unwrap());
        assert!(matches!(clean(&mut wide, BOUNDS), Err(Error::HttpRequestHeaderSectionSize(Some(1_001)))));
        let mut many = request("http://example.com/");
        (0..11).for_each(|_| _ = many.headers_mut().append("a", HeaderValue::from_static("")));
        assert!(matches!(clean(&mut many, BOUNDS), Err(Error::HttpRequestHeaderSectionSize(_))));
    }

    #[test]
    fn trailers_cannot_change_the_message() {
        let mut trailers = HeaderMap::new();
        for name in ["content-length", "host", "transfer-encoding", "te", "trailer", "x-coracle-a", "x-checksum"] {
            trailers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        clean_trailers(&mut trailers);
        assert_eq!(trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-checksum"]);
    }
}
