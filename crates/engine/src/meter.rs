//! CPU time of one invocation. A guest's future is wrapped in [`Metered`], which adds up the time that each poll takes; the epoch
//! callback asks the meter whether the guest may go on. The same wrapper keeps a panic of host code inside its own request.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use coracle_base::clock;
use pin_project_lite::pin_project;

use crate::thread;
use crate::ticker::{SHORT_TICK_NS, TICK_NS};

/// What stands for more than one thread; no thread has this number.
const SEVERAL: u64 = u64::MAX;

/// How a tick of the epoch finds a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Its poll has only begun.
    Short,
    /// It computes for long.
    Long,
    /// It has used what it may.
    Exhausted,
}

/// A poll that has lasted so long at a tick is a long one.
const LONG_NS: u64 = SHORT_TICK_NS / 2;

/// How much time a guest spent on its thread, and how much it may spend; and how much memory it came to use.
///
/// A poll is timed by the wall clock, which costs nothing; a guest that computes for long is timed by its thread's own CPU clock, so that
/// it is not charged for the time in which the machine ran something else.
#[derive(Debug)]
pub struct Meter {
    limit_ns: u64,
    used_ns: AtomicU64,
    /// When the time that is not charged yet began: the start of the poll, or its last tick.
    since_ns: AtomicU64,
    /// The thread's CPU clock at the last tick of this poll, or when the guest went on after it had given way; else 0.
    cpu_ns: AtomicU64,
    /// The thread that polls, [`thread::NONE`] before the first poll, [`SEVERAL`] after those of different threads.
    thread: AtomicU64,
    exhausted: AtomicBool,
    memory_bytes: AtomicUsize,
    /// The memory of an instance that was made for this invocation, before it was called; 0 where it was not.
    initial_memory_bytes: AtomicUsize,
}

impl Meter {
    /// A meter that allows `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self {
            limit_ns: clock::nanoseconds(limit),
            used_ns: AtomicU64::new(0),
            since_ns: AtomicU64::new(0),
            cpu_ns: AtomicU64::new(0),
            thread: AtomicU64::new(thread::NONE),
            exhausted: AtomicBool::new(false),
            memory_bytes: AtomicUsize::new(0),
            initial_memory_bytes: AtomicUsize::new(0),
        }
    }

    /// The greatest size that the instance's linear memories reached together, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes.load(Relaxed)
    }

    /// Notes that the instance was made and is called now.
    pub fn instantiated(&self) {
        self.initial_memory_bytes.store(self.memory_bytes(), Relaxed);
    }

    /// The size of the instance's linear memories before it was called; `None` when it was not made for this invocation.
    #[must_use]
    pub fn initial_memory_bytes(&self) -> Option<usize> {
        Some(self.initial_memory_bytes.load(Relaxed)).filter(|bytes| *bytes > 0)
    }

    pub(crate) fn note_memory(&self, bytes: usize) {
        self.memory_bytes.fetch_max(bytes, Relaxed);
    }

    /// The time that was charged so far.
    #[must_use]
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.load(Relaxed))
    }

    /// Whether the guest was stopped for its CPU time.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.exhausted.load(Relaxed)
    }

    /// Starts the count anew, for the next invocation of a reused instance.
    pub fn reset(&self) {
        self.used_ns.store(0, Relaxed);
        self.initial_memory_bytes.store(0, Relaxed);
    }

    /// Charges the guest, which runs; called on each tick of the epoch.
    pub(crate) fn tick(&self) -> Pace {
        let cpu_ns = clock::thread_cpu_ns();
        match self.cpu_ns.swap(cpu_ns, Relaxed) {
            0 => self.charge_short(),
            before => self.charge(cpu_ns.saturating_sub(before)),
        }
        let now_ns = clock::monotonic_ns();
        let is_long = now_ns.saturating_sub(self.since_ns.swap(now_ns, Relaxed)) >= LONG_NS;
        if self.used_ns.load(Relaxed) > self.limit_ns {
            self.exhausted.store(true, Relaxed);
            return Pace::Exhausted;
        }
        if is_long { Pace::Long } else { Pace::Short }
    }

    /// Notes that the guest has given way and goes on to compute, as it is likely to do for long again.
    pub(crate) fn go_on(&self) {
        // Other tasks of its instance may have run before it in this poll.
        self.charge_short();
        self.cpu_ns.store(clock::thread_cpu_ns(), Relaxed);
        self.since_ns.store(clock::monotonic_ns(), Relaxed);
    }

    /// Whether every poll so far, and at least one, was made by the thread with this number.
    pub(crate) fn is_only_of(&self, thread: u64) -> bool {
        self.thread.load(Relaxed) == thread
    }

    fn begin_poll(&self) {
        let here = thread::number();
        match self.thread.load(Relaxed) {
            thread::NONE => self.thread.store(here, Relaxed),
            before if before != here => self.thread.store(SEVERAL, Relaxed),
            _ => {}
        }
        self.cpu_ns.store(0, Relaxed);
        self.since_ns.store(clock::monotonic_ns(), Relaxed);
    }

    fn end_poll(&self) {
        self.charge_short();
    }

    /// Charges what the wall clock counted since the last tick. More than a tick without a tick means that the thread did not run.
    fn charge_short(&self) {
        let waited_ns = clock::monotonic_ns().saturating_sub(self.since_ns.load(Relaxed));
        self.charge(waited_ns.min(TICK_NS));
    }

    fn charge(&self, spent_ns: u64) {
        self.used_ns.fetch_add(spent_ns, Relaxed);
    }
}

pin_project! {
    /// A guest's future whose polls are charged to a [`Meter`]. Resolves to the text of the panic if host code panicked in it.
    #[derive(Debug)]
    pub struct Metered<F> {
        #[pin]
        future: F,
        meter: Arc<Meter>,
    }
}

impl<F: Future> Metered<F> {
    /// Charges `future` to `meter`.
    pub fn new(future: F, meter: Arc<Meter>) -> Self {
        Self { future, meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, String>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.meter.begin_poll();
        // The future is never polled again after a panic, so what it left half-done is never seen.
        let polled = catch_unwind(AssertUnwindSafe(|| this.future.poll(context)));
        this.meter.end_poll();
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(panic_text(payload.as_ref()))),
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}
