//! The body of a response: bounded in the time between two frames, without trailers that are not the guest's business, and the
//! connection goes back to the pool at its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use super::error;
use super::pool::{Lease, Pool};
use super::request::{FieldBounds, clean_trailers, size};
use crate::egress::Call;

/// A response's body from the network.
pub(super) struct Received {
    incoming: Incoming,
    /// Gone once the body has ended.
    connection: Option<(Arc<Pool>, Lease, Call)>,
    between_bytes: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    is_timing: bool,
    trailer_bounds: FieldBounds,
}

impl Received {
    pub(super) fn new(
        incoming: Incoming,
        connection: (Arc<Pool>, Lease, Call),
        between_bytes: Duration,
        trailer_bounds: FieldBounds,
    ) -> Self {
        let mut received = Self { incoming, connection: Some(connection), between_bytes, timer: None, is_timing: false, trailer_bounds };
        received.give_back_at_end();
        received
    }

    fn give_back_at_end(&mut self) {
        if self.incoming.is_end_stream()
            && let Some((pool, lease, _call)) = self.connection.take()
        {
            pool.give_back(lease);
        }
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let between_bytes = self.between_bytes;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(between_bytes)));
        if !self.is_timing {
            self.is_timing = true;
            let now = Instant::now();
            timer.as_mut().reset(now.checked_add(between_bytes).unwrap_or(now));
        }
        timer.as_mut().poll(context)
    }

    fn checked(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        match frame.into_trailers() {
            Ok(mut trailers) => {
                clean_trailers(&mut trailers);
                let bytes = size(&trailers);
                if bytes > self.trailer_bounds.bytes_max || trailers.len() > self.trailer_bounds.count_max {
                    return Err(Error::HttpResponseTrailerSectionSize(u32::try_from(bytes).ok()));
                }
                Ok(Frame::trailers(trailers))
            }
            Err(frame) => Ok(frame),
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        let frame = match polled {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.poll_timer(context));
                self.connection = None;
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            }
        };
        self.is_timing = false;
        let frame = frame.map(|frame| frame.map_err(error::of_hyper).and_then(|frame| self.checked(frame)));
        match &frame {
            Some(Err(_)) => self.connection = None,
            Some(Ok(_)) | None => self.give_back_at_end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The body of a request, whose trailers are filtered on their way out.
pub(super) struct Sent {
    body: WasiBody,
}

impl Sent {
    pub(super) fn new(body: WasiBody) -> Self {
        Self { body }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Ok(mut trailers) => {
                    clean_trailers(&mut trailers);
                    Frame::trailers(trailers)
                }
                Err(frame) => frame,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body from inside the process, which counts as a call until it is gone.
pub(super) struct Called {
    body: WasiBody,
    _call: Call,
}

impl Called {
    pub(super) fn new(body: WasiBody, call: Call) -> Self {
        Self { body, _call: call }
    }
}

impl Body for Called {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
