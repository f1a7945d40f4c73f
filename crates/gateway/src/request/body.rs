//! The bounds of a request body: its size, how long it may pause, how slow it may be, and what may follow it. Time counts only while somebody reads, so a
//! guest that takes its time costs its client nothing.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use coracle_triggers::http::{Body, BodyError};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::bounds::Bounds;
use crate::refusal::Refusal;

use super::belongs_to_head;

/// Why the body broke off, for whoever answers the request.
type Verdict = Arc<OnceLock<Refusal>>;

/// Gives `body` its bounds.
pub(crate) fn bound(body: Incoming, bounds: &Bounds, verdict: &Verdict) -> Result<Body, Refusal> {
    if body.is_end_stream() {
        return Ok(Body::empty());
    }
    if body.size_hint().lower() > bounds.body_bytes_max {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(Body::boxed(Bounded {
        body,
        bytes: 0,
        bytes_max: bounds.body_bytes_max,
        idle: bounds.body_idle,
        bytes_per_second_min: bounds.body_bytes_per_second_min.max(1),
        trailer_bytes_max: bounds.trailer_bytes_max,
        waited: Duration::ZERO,
        waiting_since: None,
        alarm: Alarm::default(),
        verdict: Arc::clone(verdict),
    }))
}

struct Bounded {
    body: Incoming,
    bytes: u64,
    bytes_max: u64,
    idle: Duration,
    bytes_per_second_min: u64,
    trailer_bytes_max: usize,
    /// How long it has kept its reader waiting, on the whole.
    waited: Duration,
    waiting_since: Option<Instant>,
    alarm: Alarm,
    verdict: Verdict,
}

impl Bounded {
    fn fail(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // The first reason is the one that counts.
        let _ = self.verdict.set(refusal);
        Poll::Ready(Some(Err(refusal.into())))
    }

    /// Counts what came. Trailers of HTTP/1 were judged with their bytes already; those of HTTP/2 are here.
    fn see(&mut self, frame: &Frame<Bytes>) -> Result<(), Refusal> {
        self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(Refusal::BodyTooLarge);
        }
        let Some(trailers) = frame.trailers_ref() else { return Ok(()) };
        let bytes: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if bytes > self.trailer_bytes_max {
            return Err(Refusal::FieldsTooLarge);
        }
        if trailers.keys().any(|name| belongs_to_head(name.as_str().as_bytes())) { Err(Refusal::Trailer) } else { Ok(()) }
    }

    /// Nothing came. Ready when that is not acceptable any more.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            self.waiting_since = Some(Instant::now());
            // What came so far has earned this much time, beside the first pause.
            let earned = self.idle + Duration::from_secs(self.bytes / self.bytes_per_second_min);
            self.alarm.set(self.idle.min(earned.saturating_sub(self.waited)));
        }
        self.alarm.poll(context)
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(refusal) = this.verdict.get() {
            return Poll::Ready(Some(Err((*refusal).into())));
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) else {
            ready!(this.poll_patience(context));
            return this.fail(Refusal::TooSlow);
        };
        if let Some(since) = this.waiting_since.take() {
            this.waited += since.elapsed();
            this.alarm.clear();
        }
        if let Some(Ok(frame)) = &frame
            && let Err(refusal) = this.see(frame)
        {
            return this.fail(refusal);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
