//! The head of an answer. A guest cannot make it mean two things: what cannot be said in HTTP becomes a 500, with the reason in the
//! operator's log and not in the answer.

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;

use coracle_triggers::http::Body;

use crate::access::Account;
use crate::bounds::Bounds;
use crate::headers::remove_all;

use super::Outgoing;

/// Fields by which a server and its client manage their connection. They are not a guest's to set.
static CONNECTION_FIELDS: [HeaderName; 5] =
    [CONNECTION, HeaderName::from_static("keep-alive"), HeaderName::from_static("proxy-connection"), TRANSFER_ENCODING, UPGRADE];

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
enum Misframed {
    #[error("its status {0} is not that of a final response")]
    Status(StatusCode),
    #[error("its `content-length` is not one decimal number")]
    ContentLength,
    #[error("its `content-length` is {announced} and its body has {actual} bytes")]
    Length { announced: u64, actual: u64 },
    #[error("its {count} fields are more than {max}")]
    Fields { count: usize, max: usize },
    #[error("its head of {bytes} bytes is larger than {max}")]
    Head { bytes: usize, max: usize },
}

/// Makes `response` fit for the wire.
pub(crate) fn frame(response: Response<Body>, mut account: Account, bounds: &Bounds) -> Response<Outgoing> {
    let (mut parts, body) = response.into_parts();
    let is_head = *account.method() == Method::HEAD;
    let has_no_body = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let is_silent = is_head || has_no_body;
    let actual = body.size_hint().exact().filter(|_| !is_silent);
    let length = match check(&mut parts, actual, bounds) {
        Ok(length) => length,
        Err(misframed) => {
            report(&account, &misframed);
            return internal(account);
        }
    };
    remove_all(&mut parts.headers, &CONNECTION_FIELDS);
    if is_head && length.is_none() && !has_no_body {
        // A HEAD is told the length that a GET would have had, where it is known.
        if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
            parts.headers.insert(CONTENT_LENGTH, length.into());
        }
    }
    if matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    if has_no_body {
        parts.headers.remove(TRAILER);
    }
    account.answered(parts.status, &body);
    Response::from_parts(parts, if is_silent { Outgoing::silent(body, account) } else { Outgoing::new(body, length, account) })
}

fn report(account: &Account, misframed: &Misframed) {
    let (method, path) = (account.method(), account.path());
    tracing::error!(%method, path, "the response of the guest was replaced by a 500: {misframed}");
}

fn internal(mut account: Account) -> Response<Outgoing> {
    let body = Body::full("the response was invalid\n");
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    account.answered(response.status(), &body);
    let is_head = *account.method() == Method::HEAD;
    response.map(|()| if is_head { Outgoing::silent(body, account) } else { Outgoing::new(body, None, account) })
}

/// Refuses what cannot be written. Gives the length that the head announces.
fn check(parts: &mut http::response::Parts, actual: Option<u64>, bounds: &Bounds) -> Result<Option<u64>, Misframed> {
    if parts.status.is_informational() || parts.status.as_u16() > 599 {
        return Err(Misframed::Status(parts.status));
    }
    let (count, max) = (parts.headers.len(), bounds.response_fields_max);
    if count > max {
        return Err(Misframed::Fields { count, max });
    }
    let bytes = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let max = bounds.response_head_bytes_max;
    if bytes > max {
        return Err(Misframed::Head { bytes, max });
    }
    // A guest that frames its own body would frame it twice.
    if parts.headers.contains_key(TRANSFER_ENCODING) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let announced = content_length(&mut parts.headers)?;
    match (announced, actual) {
        (Some(announced), Some(actual)) if announced != actual => Err(Misframed::Length { announced, actual }),
        _ => Ok(announced),
    }
}

/// The one length that the head announces; where it does so several times, the same each time, once is left.
fn content_length(headers: &mut HeaderMap) -> Result<Option<u64>, Misframed> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    let is_repeated = match lengths.next() {
        Some(second) if second == first && lengths.all(|more| more == first) => true,
        Some(_) => return Err(Misframed::ContentLength),
        None => false,
    };
    let digits = first.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse::<u64>().ok()).ok_or(Misframed::ContentLength)?;
    if is_repeated {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    Ok(Some(length))
}
