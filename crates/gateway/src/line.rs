//! What the two ends of one connection's work tell each other: the side that reads and writes bytes, and the side that answers requests.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use coracle_base::clock;
use parking_lot::Mutex;

use crate::refusal::Refusal;

/// One for each connection.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Requests that are being answered.
    open: AtomicU32,
    /// Responses whose next piece is ready while the client takes nothing.
    stalled: AtomicU32,
    /// When a response last moved.
    moved_ns: AtomicU64,
    /// The request, counted from one, that is to be refused, and why. HTTP/1 only.
    refused: Mutex<Option<(u64, Refusal)>>,
}

impl Line {
    pub(crate) fn begin(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.moved_ns.store(clock::monotonic_ns(), Ordering::Relaxed);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// A piece of a response is ready for the client.
    pub(crate) fn offer(&self) {
        self.stalled.fetch_add(1, Ordering::Relaxed);
        self.moved_ns.store(clock::monotonic_ns(), Ordering::Relaxed);
    }

    /// The client took what was offered, or is gone.
    pub(crate) fn taken(&self) {
        self.stalled.fetch_sub(1, Ordering::Relaxed);
        self.moved_ns.store(clock::monotonic_ns(), Ordering::Relaxed);
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed) > 0
    }

    /// Nanoseconds since a response last moved.
    pub(crate) fn quiet_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.moved_ns.load(Ordering::Relaxed))
    }

    pub(crate) fn refuse(&self, request: u64, refusal: Refusal) {
        *self.refused.lock() = Some((request, refusal));
    }

    pub(crate) fn refusal(&self, request: u64) -> Option<Refusal> {
        self.refused.lock().filter(|(refused, _)| *refused == request).map(|(_, refusal)| refusal)
    }
}
