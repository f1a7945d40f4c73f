//! What the native servers answer: `/` greets, `/down/N` sends N bytes, `/up` takes a body and tells its length, `/api/…` is the catalogue.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::catalogue;

/// The greeting of every server in the benchmark.
const HELLO: &str = "Hello, world!\n";
/// What one frame of a streamed body carries.
const FRAME_BYTES: usize = 64 << 10;
/// The longest body that the catalogue takes.
const ORDER_BYTES_MAX: usize = 1 << 20;

static FILLING: [u8; FRAME_BYTES] = [b'x'; FRAME_BYTES];

type Outgoing = Either<Full<Bytes>, Filling>;

/// Answers `request`.
pub(super) async fn answer(request: Request<Incoming>) -> Response<Outgoing> {
    let path = request.uri().path();
    if path == "/" {
        return text(StatusCode::OK, HELLO);
    }
    if let Some(count) = path.strip_prefix("/down/").and_then(|count| count.parse().ok()) {
        return Response::new(Either::Right(Filling { left: count }));
    }
    if path == "/up" {
        return match count(request.into_body()).await {
            Ok(count) => text(StatusCode::OK, count.to_string()),
            Err(_) => text(StatusCode::BAD_REQUEST, "the body broke off\n"),
        };
    }
    if path.starts_with("/api/") {
        return api(request).await;
    }
    text(StatusCode::NOT_FOUND, "")
}

async fn api(request: Request<Incoming>) -> Response<Outgoing> {
    let (parts, body) = request.into_parts();
    let body = http_body_util::Limited::new(body, ORDER_BYTES_MAX).collect().await;
    let Ok(body) = body else { return text(StatusCode::PAYLOAD_TOO_LARGE, "") };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let reply = catalogue::answer(parts.method.as_str(), target, &body.to_bytes());
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(reply.body))));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn count(mut body: Incoming) -> Result<u64, hyper::Error> {
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        count += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(count)
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Outgoing> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A body of many frames whose length is not announced, as a guest streams it.
#[derive(Debug)]
pub(super) struct Filling {
    left: usize,
}

impl Body for Filling {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let count = self.left.min(FRAME_BYTES);
        if count == 0 {
            return Poll::Ready(None);
        }
        self.left -= count;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILLING).slice(..count)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
