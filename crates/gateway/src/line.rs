//! What the two ends of one connection's work tell each other: the side that reads and writes bytes, and the side that answers requests.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use coracle_base::clock;
use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::refusal::Refusal;

/// A request that is to be refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    /// Counted from one.
    pub(crate) request: u64,
    pub(crate) refusal: Refusal,
    /// Whether its head was refused already, so that another stands in for it.
    pub(crate) is_head: bool,
}

/// One for each connection.
#[derive(Debug)]
pub(crate) struct Line {
    /// Requests that are being answered.
    open: AtomicU32,
    /// Whether anybody asks how long no response has moved, and whether one is stalled: on HTTP/2 connections.
    is_watched: AtomicBool,
    /// Responses whose next piece is ready while the client takes nothing.
    stalled: AtomicU32,
    /// When a response last moved, or the connection began.
    moved_ns: AtomicU64,
    /// Who waits for the last open request to end.
    waiting: AtomicWaker,
    /// HTTP/1 only.
    refused: Mutex<Option<Refused>>,
}

impl Line {
    /// The line of a connection that begins now. One that has had no request yet is as quiet as it is old, not as its process is.
    pub(crate) fn new() -> Self {
        Self {
            open: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            stalled: AtomicU32::new(0),
            moved_ns: AtomicU64::new(clock::monotonic_ns()),
            waiting: AtomicWaker::new(),
            refused: Mutex::new(None),
        }
    }

    /// From now on somebody asks how the responses of this connection move.
    pub(crate) fn watch(&self) {
        self.is_watched.store(true, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        let open = self.open.fetch_sub(1, Ordering::Relaxed);
        if self.is_watched() {
            self.moved();
        }
        if open == 1 {
            self.waiting.wake();
        }
    }

    /// Ready when no request is open.
    pub(crate) fn poll_idle(&self, context: &Context<'_>) -> Poll<()> {
        self.waiting.register(context.waker());
        if self.is_idle() { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// A piece of a response is ready for the client.
    pub(crate) fn offer(&self) {
        if self.is_watched() {
            self.stalled.fetch_add(1, Ordering::Relaxed);
            self.moved();
        }
    }

    /// The client took what was offered, or is gone.
    pub(crate) fn taken(&self) {
        if self.is_watched() {
            self.stalled.fetch_sub(1, Ordering::Relaxed);
            self.moved();
        }
    }

    fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    fn moved(&self) {
        self.moved_ns.store(clock::monotonic_ns(), Ordering::Relaxed);
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed) > 0
    }

    /// Nanoseconds since a response last moved, or since the connection began.
    pub(crate) fn quiet_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.moved_ns.load(Ordering::Relaxed))
    }

    pub(crate) fn refuse(&self, refused: Refused) {
        *self.refused.lock() = Some(refused);
    }

    pub(crate) fn refusal(&self, request: u64) -> Option<Refusal> {
        self.refused.lock().filter(|refused| refused.request == request).map(|refused| refused.refusal)
    }

    /// Whether what the service side got as this request is not what the client sent.
    pub(crate) fn is_stand_in(&self, request: u64) -> bool {
        self.refused.lock().is_some_and(|refused| refused.request == request && refused.is_head)
    }
}
