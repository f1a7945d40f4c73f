//! `fermyon:spin/http`, the outgoing HTTP of Spin's first SDKs: whole bodies, and redirects are followed, each hop under the same
//! rules as the first.

use bytes::Bytes;
use coracle_engine::InstanceState;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::client::Client;
use super::state::client;
use crate::egress::Host;
use bindings::fermyon::spin::http_types::{self, HttpError, Request, Response};
use bindings::fermyon::spin::{http as interface, http_types as types};

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/http_client/wit/spin_v1",
        world: "imports",
        imports: { default: async },
    });
}

/// The longest body of a response, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 10;

struct SpinHttp;

struct Sending(Client);

impl HasData for SpinHttp {
    type Data<'a> = Sending;
}

/// Spin's first interface, for both engines.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, SpinHttp>(linker, |instance| Sending(client(instance)))?;
    interface::add_to_linker::<_, SpinHttp>(linker, |instance| Sending(client(instance)))
}

impl http_types::Host for Sending {}

impl interface::Host for Sending {
    async fn send_request(&mut self, request: Request) -> Result<Response, HttpError> {
        if !request.params.is_empty() {
            tracing::warn!("the `params` of a request are not sent, as in Spin; write them into its URI");
        }
        let mut hop = Hop::first(request)?;
        for _ in 0..=REDIRECTS_MAX {
            let response = self.0.send(hop.request()?, RequestOptions::default()).await.map_err(|error| code(&error))?;
            match hop.next(&response)? {
                Some(next) => hop = next,
                None => return buffered(response).await,
            }
        }
        Err(HttpError::RequestError)
    }
}

/// One request on the way to the last one.
struct Hop {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Hop {
    fn first(request: Request) -> Result<Self, HttpError> {
        let uri: Uri = request.uri.parse().map_err(|_| HttpError::InvalidUrl)?;
        let uri = if uri.authority().is_some() {
            uri
        } else {
            // A request without an authority is one to the app itself.
            let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
            Uri::builder().scheme("http").authority("self.alt").path_and_query(target).build().map_err(|_| HttpError::InvalidUrl)?
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(HttpError::InvalidUrl);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            let name = HeaderName::try_from(name).map_err(|_| HttpError::RequestError)?;
            let value = HeaderValue::try_from(value).map_err(|_| HttpError::RequestError)?;
            headers.try_append(name, value).map_err(|_| HttpError::RequestError)?;
        }
        // The length is derived from the body.
        headers.remove(CONTENT_LENGTH);
        let method = match request.method {
            types::Method::Get => Method::GET,
            types::Method::Post => Method::POST,
            types::Method::Put => Method::PUT,
            types::Method::Delete => Method::DELETE,
            types::Method::Patch => Method::PATCH,
            types::Method::Head => Method::HEAD,
            types::Method::Options => Method::OPTIONS,
        };
        Ok(Self { method, uri, headers, body: request.body.unwrap_or_default().into() })
    }

    fn request(&self) -> Result<http::Request<WasiBody>, HttpError> {
        let body = Full::new(self.body.clone()).map_err(|never| match never {}).boxed_unsync();
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// Where `response` sends the guest on to.
    fn next(&self, response: &http::Response<WasiBody>) -> Result<Option<Self>, HttpError> {
        let keeps_method = match response.status() {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => !matches!(self.method, Method::POST),
            StatusCode::SEE_OTHER => matches!(self.method, Method::GET | Method::HEAD),
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Ok(None),
        };
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        let base = url::Url::parse(&self.uri.to_string()).map_err(|_| HttpError::InvalidUrl)?;
        let location = location.to_str().map_err(|_| HttpError::InvalidUrl)?;
        let mut target = base.join(location).map_err(|_| HttpError::InvalidUrl)?;
        target.set_fragment(None);
        // What was sent under TLS does not leave it, and nothing outside decides what the app asks itself.
        if target.scheme() != base.scheme() && target.scheme() != "https" {
            return Err(HttpError::DestinationNotAllowed);
        }
        if is_local(&target) && !is_local(&base) {
            return Err(HttpError::DestinationNotAllowed);
        }
        let is_same_origin = target.origin() == base.origin();
        let uri = Uri::try_from(String::from(target)).map_err(|_| HttpError::InvalidUrl)?;
        let mut next = Self { method: self.method.clone(), uri, headers: self.headers.clone(), body: self.body.clone() };
        if !keeps_method {
            next.method = Method::GET;
            next.body = Bytes::new();
            next.headers.remove(CONTENT_TYPE);
        }
        if !is_same_origin {
            next.headers.remove(AUTHORIZATION);
            next.headers.remove(COOKIE);
        }
        Ok(Some(next))
    }
}

fn is_local(url: &url::Url) -> bool {
    url.host_str().and_then(Host::parse).is_some_and(|host| host.is_local())
}

async fn buffered(response: http::Response<WasiBody>) -> Result<Response, HttpError> {
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            if error.is::<LengthLimitError>() {
                tracing::warn!("a response is longer than the {BODY_BYTES_MAX} bytes that `fermyon:spin/http` holds; use `wasi:http`");
            }
            return Err(HttpError::RuntimeError);
        }
    };
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Ok(Response { status: parts.status.as_u16(), headers: Some(headers.collect()), body: Some(body.into()) })
}

fn code(error: &Error) -> HttpError {
    match error {
        Error::HttpRequestDenied | Error::DestinationIpProhibited => HttpError::DestinationNotAllowed,
        Error::HttpRequestUriInvalid => HttpError::InvalidUrl,
        Error::ConnectionLimitReached => HttpError::TooManyRequests,
        Error::HttpRequestHeaderSectionSize(_) | Error::HttpRequestUriTooLong | Error::HttpRequestMethodInvalid => HttpError::RequestError,
        _ => HttpError::RuntimeError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(method: types::Method, uri: &str) -> Hop {
        let headers = ["authorization", "cookie", "content-type", "x-kept"].map(|name| (name.to_owned(), "1".to_owned()));
        let request = Request { method, uri: uri.to_owned(), headers: headers.into(), params: Vec::new(), body: Some(b"body".to_vec()) };
        Hop::first(request).unwrap()
    }

    fn redirect(status: u16, location: &str) -> http::Response<WasiBody> {
        let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
        http::Response::builder().status(status).header(LOCATION, location).body(body).unwrap()
    }

    #[test]
    fn a_redirect_is_resolved_against_the_hop_before_it() {
        for (from, location, expected) in [
            ("http://x.dev/a/b?c", "d", "http://x.dev/a/d"),
            ("http://x.dev/a/b", "/d?e#f", "http://x.dev/d?e"),
            ("http://x.dev:81/a", "//y.dev/d", "http://y.dev/d"),
            ("http://x.dev/a", "https://x.dev/a", "https://x.dev/a"),
            ("/own", "/other", "http://self.alt/other"),
            ("/own", "http://x.dev/", "http://x.dev/"),
        ] {
            let next = hop(types::Method::Get, from).next(&redirect(302, location)).unwrap().unwrap();
            assert_eq!(next.uri, expected, "{from} to {location}");
        }
    }

    #[test]
    fn a_redirect_leads_neither_out_of_tls_nor_into_the_app() {
        for (from, location) in [
            ("https://x.dev/", "http://x.dev/"),
            ("http://x.dev/", "http://self.alt/"),
            ("http://x.dev/", "http://one.spin.internal/"),
            ("http://x.dev/", "file:///etc/passwd"),
            ("http://x.dev/", "gopher://x.dev/"),
        ] {
            let next = hop(types::Method::Get, from).next(&redirect(302, location));
            assert!(matches!(next, Err(HttpError::DestinationNotAllowed)), "{from} to {location}");
        }
        assert!(matches!(hop(types::Method::Get, "http://x.dev/").next(&redirect(302, "http://[")), Err(HttpError::InvalidUrl)));
    }

    #[test]
    fn credentials_stay_at_their_origin_and_bodies_follow_the_status() {
        for (status, method, same) in
            [(301, Method::GET, false), (302, Method::GET, false), (303, Method::GET, false), (307, Method::POST, true)]
        {
            let next = hop(types::Method::Post, "http://x.dev/").next(&redirect(status, "http://y.dev/")).unwrap().unwrap();
            assert_eq!((&next.method, !next.body.is_empty()), (&method, same), "{status}");
            assert_eq!(next.headers.contains_key(CONTENT_TYPE), same, "{status}");
            assert!(!next.headers.contains_key(AUTHORIZATION) && !next.headers.contains_key(COOKIE));
            let stays = hop(types::Method::Post, "http://x.dev/").next(&redirect(status, "/y")).unwrap().unwrap();
            assert!(stays.headers.contains_key(AUTHORIZATION));
        }
        assert!(hop(types::Method::Get, "http://x.dev/").next(&redirect(304, "/y")).unwrap().is_none());
    }

    #[tokio::test]
    async fn a_body_is_held_up_to_its_bound() {
        for (bytes, is_held) in [(BODY_BYTES_MAX, true), (BODY_BYTES_MAX + 1, false)] {
            let body = Full::new(Bytes::from(vec![0; bytes])).map_err(|never| match never {}).boxed_unsync();
            match buffered(http::Response::new(body)).await {
                Ok(response) => assert!(is_held && response.body.is_some_and(|body| body.len() == bytes)),
                Err(error) => assert!(!is_held && matches!(error, HttpError::RuntimeError)),
            }
        }
    }

    #[test]
    fn what_is_no_http_address_is_an_invalid_url() {
        for uri in ["", "ftp://x.dev/", "http://", "x y"] {
            let request = Request { method: types::Method::Get, uri: uri.to_owned(), headers: Vec::new(), params: Vec::new(), body: None };
            assert!(matches!(Hop::first(request), Err(HttpError::InvalidUrl)), "{uri}");
        }
    }
}
