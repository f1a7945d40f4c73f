//! Why a request was answered before a service saw it, or in its place.

use http::{HeaderValue, Response, StatusCode, header};

use coracle_triggers::http::Body;

/// What is wrong with a request. Its text is the body of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a line ends with a bare LF; lines end with CR LF")]
    BareLineFeed,
    #[error("a line contains a CR, NUL or another control character")]
    ControlCharacter,
    #[error("the request line is not `METHOD TARGET HTTP/1.1`")]
    RequestLine,
    #[error("the method is not a token of at most 32 characters")]
    Method,
    #[error("the request target is not a valid path or http URI")]
    Target,
    #[error("this protocol version is not served; use HTTP/1.1 or HTTP/2")]
    Version,
    #[error("a field is not `name: value`")]
    FieldName,
    #[error("a field is folded over several lines")]
    FoldedField,
    #[error("`content-length` is not one decimal number")]
    ContentLength,
    #[error("the request has two `content-length` fields")]
    TwoContentLengths,
    #[error("the request has both `content-length` and `transfer-encoding`")]
    TwoFramings,
    #[error("`transfer-encoding` is not exactly `chunked`")]
    TransferEncoding,
    #[error("HTTP/1.0 has no `transfer-encoding`")]
    TransferEncodingVersion,
    #[error("a chunk of the body is not framed as `SIZE CR LF DATA CR LF`")]
    Chunk,
    #[error("a trailer field is malformed or not allowed in trailers")]
    Trailer,
    #[error("the request has no `host`")]
    NoHost,
    #[error("the request has two `host` fields")]
    TwoHosts,
    #[error("`host` is not a host name or address with an optional port")]
    Host,
    #[error("`host` differs from the authority of the request target")]
    HostDiffers,
    #[error("the expectation is unknown; only `100-continue` is")]
    Expectation,
    #[error("this method is not served")]
    NotServed,
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the request's fields are too large or too many")]
    FieldsTooLarge,
    #[error("the request body is too large")]
    BodyTooLarge,
    #[error("the request took too long to arrive")]
    TooSlow,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::FieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::NotServed => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::full(format!("{self}\n")));
        *response.status_mut() = self.status();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}
