//! A component's bound on the body of a request. One that announces too much never reaches the guest; one that turns out too long is cut
//! there, and whatever the guest made of that, the caller is told of the bound.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use coracle_engine::{Fault, LimitKind, Limits};
use http_body::{Body as _, Frame, SizeHint};

use super::{Body, BodyError};

/// Whether a body turned out longer than its bound.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrun(Arc<AtomicBool>);

impl Overrun {
    /// The fault that the caller is told of, if there was one.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Fault> {
        if self.0.load(Relaxed) { Err(Fault::limit(LimitKind::RequestBody, limits)) } else { Ok(()) }
    }
}

/// Bounds the body of `request`, where it is not known to be short enough.
pub(super) fn bound(request: &mut http::Request<Body>, limits: &Limits) -> Result<Option<Overrun>, Fault> {
    let (bytes_max, size) = (limits.request_body_bytes, request.body().size_hint());
    if size.lower() > bytes_max {
        return Err(Fault::limit(LimitKind::RequestBody, limits));
    }
    if request.body().is_end_stream() || size.upper().is_some_and(|upper| upper <= bytes_max) {
        return Ok(None);
    }
    let overrun = Overrun::default();
    let body = std::mem::replace(request.body_mut(), Body::empty());
    *request.body_mut() = Body::boxed(Bounded { body, bytes_left: bytes_max, overrun: overrun.clone() });
    Ok(Some(overrun))
}

/// Why the guest cannot read on.
#[derive(Debug, thiserror::Error)]
#[error("the request body is longer than this component may read")]
struct TooLong;

struct Bounded {
    body: Body,
    bytes_left: u64,
    overrun: Overrun,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            match this.bytes_left.checked_sub(bytes) {
                Some(left) => this.bytes_left = left,
                None => {
                    this.overrun.0.store(true, Relaxed);
                    this.body = Body::empty();
                    return Poll::Ready(Some(Err(TooLong.into())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
