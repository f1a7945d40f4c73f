//! Stops a statement that runs too long or that nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use coracle_base::clock;

/// How often SQLite asks, in steps of its virtual machine.
const STEPS: i32 = 1_000;

/// How long a connection sleeps before it looks again whether another one's lock is gone.
const BUSY_NAP: Duration = Duration::from_millis(2);

/// Watches the statements of one connection, which run one after another under rising numbers.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: AtomicU64,
    current: AtomicU64,
    stopped: AtomicU64,
    deadline_ns: AtomicU64,
}

/// Stops its statement when it is dropped; one that has ended does not mind.
#[derive(Debug)]
pub(super) struct Running {
    watch: Arc<Watch>,
    number: u64,
}

impl Watch {
    /// Makes `connection` ask this watch.
    pub(super) fn attach(self: &Arc<Self>, connection: &mut rusqlite::Connection, wait_max: Duration) -> rusqlite::Result<()> {
        let watch = Arc::clone(self);
        connection.progress_handler(STEPS, Some(move || watch.is_over()))?;
        let watch = Arc::clone(self);
        connection.busy_handler(Some(move |naps: i32| {
            let napped = BUSY_NAP.saturating_mul(u32::try_from(naps).unwrap_or(u32::MAX));
            let go_on = napped < wait_max && !watch.is_stopped();
            if go_on {
                std::thread::sleep(BUSY_NAP);
            }
            go_on
        }))
    }

    /// A number for a statement that is about to run.
    pub(super) fn register(self: &Arc<Self>) -> Running {
        Running { watch: Arc::clone(self), number: self.last.fetch_add(1, SeqCst) + 1 }
    }

    /// Starts the clock of statement `number`.
    pub(super) fn begin(&self, number: u64, time_max: Duration) {
        self.current.store(number, SeqCst);
        self.deadline_ns.store(clock::monotonic_ns().saturating_add(clock::nanoseconds(time_max)), SeqCst);
    }

    /// Lets the statement that runs have the time that it spent waiting since `since_ns`.
    pub(super) fn forgive(&self, since_ns: u64) {
        self.deadline_ns.fetch_add(clock::monotonic_ns().saturating_sub(since_ns), SeqCst);
    }

    /// Whether the statement that runs was given up.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(SeqCst) >= self.current.load(SeqCst)
    }

    fn is_over(&self) -> bool {
        self.is_stopped() || clock::monotonic_ns() > self.deadline_ns.load(SeqCst)
    }
}

impl Running {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.stopped.fetch_max(self.number, SeqCst);
    }
}
