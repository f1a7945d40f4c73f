//! One call of a guest's handler, in the task of the connection that asked: the guest's future is polled until the head of its answer
//! is there, and from then on by the body of the response. Dropping either ends the guest.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use coracle_base::{chain, metrics};
use coracle_engine::{Fault, LimitKind, Meter, Metered};
use coracle_host::Slot;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;

use super::{Body, BodyError};

/// The guest's future: it owns the store, and ends when the guest has nothing left to do, or with the text of a panic of its host.
pub(super) type Run = Pin<Box<dyn Future<Output = Result<Result<(), Fault>, String>> + Send>>;

/// The head of a guest's answer with the body that it will write, or the error that it chose to answer with.
pub(super) type Answer = Result<http::Response<WasiBody>, Fault>;

/// The right to run, and the series that the invocation counts in.
pub(super) struct Admitted {
    pub(super) slot: Slot,
    pub(super) metrics: Arc<metrics::Invocation>,
}

/// What the call needs to know about its request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Whether the caller wants no body (`HEAD`): the guest's body is then read and thrown away.
    pub(super) head_only: bool,
}

/// Puts the guest's future where it stays, charged to `meter`. It is large, and each future that held it would be as large and be moved.
pub(super) fn settle(guest: impl Future<Output = Result<(), Fault>> + Send + 'static, meter: &Arc<Meter>) -> Run {
    // In a box before it is wrapped: each wrapper would move it.
    let guest = Box::pin(guest);
    // The guest's own spans belong to its request also when the response's body drives it.
    Box::pin(Metered::new(guest, Arc::clone(meter)).in_current_span())
}

/// A guest that has its request and has not run yet.
pub(super) struct Begun {
    pub(super) asked: Asked,
    pub(super) run: Run,
    pub(super) meter: Arc<Meter>,
    pub(super) answer: oneshot::Receiver<Answer>,
}

/// Waits for the head of the guest's answer. The wall limit holds until the guest has ended.
pub(super) async fn call(admitted: Admitted, begun: Begun) -> Result<http::Response<Body>, Fault> {
    let Begun { asked, run, meter, mut answer } = begun;
    let mut invocation =
        Invocation { run: Some(run), meter, ends: Instant::now() + admitted.slot.runnable().limits().wall, deadline: None, admitted };
    let mut failed = None;
    let head = poll_fn(|context| {
        let ended = invocation.poll(context);
        // Only the guest answers, and it runs here: there is nothing to be woken for, nor a turn to be waited for.
        match answer.try_recv() {
            Ok(head) => {
                failed = if let Poll::Ready(Err(fault)) = ended { Some(fault) } else { None };
                Poll::Ready(head)
            }
            Err(_) => match ready!(ended) {
                Ok(()) => Poll::Ready(Err(Fault::NoResponse)),
                Err(fault) => Poll::Ready(Err(fault)),
            },
        }
    })
    .await?;
    let (parts, body) = head.into_parts();
    let length = parts.headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let streaming = Streaming { body, invocation: Some(invocation), asked, length, sent: 0, ended: false, read: VecDeque::new() };
    let mut streaming = Box::pin(streaming);
    let whole = poll_fn(|context| Poll::Ready(streaming.as_mut().read_ahead(context))).await;
    if let Some(fault) = failed {
        // Nothing was sent yet. A body without its length would look complete to the caller wherever it broke off.
        if whole.is_none() || length != Some(streaming.sent) {
            return Err(fault);
        }
        streaming.invocation.iter().for_each(|invocation| invocation.report(&fault));
    }
    let body = match whole {
        Some(whole) => Body::full(whole),
        None => Body::guest(streaming),
    };
    Ok(http::Response::from_parts(parts, body))
}

/// A running guest with its deadline and its place.
struct Invocation {
    run: Option<Run>,
    ends: Instant,
    /// Made when the guest first waits, which most never do.
    deadline: Option<Pin<Box<Sleep>>>,
    meter: Arc<Meter>,
    admitted: Admitted,
}

impl Invocation {
    /// Lets the guest go on. Ready when it has ended, one way or the other.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Some(run) = &mut self.run else { return Poll::Ready(Ok(())) };
        let ended = match run.as_mut().poll(context) {
            Poll::Ready(ended) => ended.unwrap_or_else(|panic| Err(Fault::HostPanic(panic))),
            Poll::Pending => {
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep_until(self.ends)));
                ready!(deadline.as_mut().poll(context));
                Err(Fault::limit(LimitKind::Wall, self.admitted.slot.runnable().limits()))
            }
        };
        self.run = None;
        Poll::Ready(ended)
    }

    fn report(&self, fault: &Fault) {
        let identity = self.admitted.slot.runnable().identity();
        tracing::error!(
            app = identity.app,
            component = identity.component,
            fault = fault.label(),
            "the guest failed after its response had begun: {}",
            chain(fault)
        );
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        self.admitted.metrics.ended(self.meter.used(), self.meter.memory_bytes(), self.meter.initial_memory_bytes());
    }
}

/// The body of a guest's answer, which drives the guest that writes it.
pub(super) struct Streaming {
    body: WasiBody,
    /// `None` once it went on in a task of its own.
    invocation: Option<Invocation>,
    asked: Asked,
    /// The length that the guest announced.
    length: Option<u64>,
    sent: u64,
    ended: bool,
    /// Frames that were there before the head was sent.
    read: VecDeque<Result<Frame<Bytes>, BodyError>>,
}

impl Streaming {
    /// Reads what the guest has written already. A body that is complete and fits one frame is given back whole: it is sent with its
    /// length, and nothing of the guest is kept for it.
    fn read_ahead(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Option<Bytes> {
        let mut whole: Option<Bytes> = None;
        let last = loop {
            match self.as_mut().poll_guest(context) {
                Poll::Pending => break None,
                Poll::Ready(None) => return Some(whole.unwrap_or_default()),
                Poll::Ready(Some(Ok(frame))) if whole.is_none() && frame.is_data() => whole = frame.into_data().ok(),
                Poll::Ready(Some(frame)) => break Some(frame),
            }
        };
        self.read.extend(whole.map(|whole| Ok(Frame::data(whole))));
        self.read.extend(last);
        None
    }

    pub(super) fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.poll_guest(context),
        }
    }

    fn poll_guest(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is written already comes first: the guest is not switched to for each piece of it.
        let mut frame = Pin::new(&mut self.body).poll_frame(context);
        if !matches!(frame, Poll::Ready(Some(_)))
            && let Some(invocation) = &mut self.invocation
        {
            if let Poll::Ready(Err(fault)) = invocation.poll(context) {
                invocation.report(&fault);
                self.ended = true;
                return Poll::Ready(Some(Err(fault.into())));
            }
            if frame.is_pending() {
                frame = Pin::new(&mut self.body).poll_frame(context);
            }
        }
        let frame = ready!(frame).map(|frame| frame.map_err(BodyError::from));
        match &frame {
            Some(Ok(frame)) => self.sent += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) | None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let idle = self.invocation.as_ref().is_none_or(|invocation| invocation.run.is_none());
        self.read.is_empty() && (self.ended || (idle && self.body.is_end_stream()))
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let unread: u64 = self.read.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).map(|data| data.len() as u64).sum();
        self.length.map_or_else(SizeHint::default, |length| SizeHint::with_exact(length.saturating_sub(self.sent) + unread))
    }

    /// Whether the caller got all that it wanted, so that letting go of the body does not mean that it went away.
    fn is_complete(&self) -> bool {
        self.ended || self.asked.head_only || self.length.is_some_and(|length| self.sent >= length) || self.body.is_end_stream()
    }
}

impl Drop for Streaming {
    /// A guest that still works when its response has been sent goes on within its limits. One whose caller went away ends here.
    fn drop(&mut self) {
        let complete = self.is_complete();
        let Some(mut invocation) = self.invocation.take() else { return };
        if !complete || invocation.run.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let body = std::mem::replace(&mut self.body, Empty::new().map_err(|never| match never {}).boxed_unsync());
        runtime.spawn(async move {
            let mut body = Some(body);
            let ended = poll_fn(|context| {
                let ended = invocation.poll(context);
                // What the guest still writes is thrown away, so that it does not wait for a reader. At its end the body is let go:
                // a WASI 0.3 guest counts as busy for as long as anybody could read.
                while let Some(Poll::Ready(frame)) = body.as_mut().map(|body| Pin::new(body).poll_frame(context)) {
                    if !matches!(frame, Some(Ok(_))) {
                        body = None;
                    }
                }
                ended
            })
            .await;
            if let Err(fault) = ended {
                invocation.report(&fault);
            }
        });
    }
}
