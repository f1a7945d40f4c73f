//! The one place that reads a clock.

#![expect(clippy::disallowed_methods, reason = "this is where everybody else is sent")]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since some fixed moment of this process; never goes back.
#[must_use]
pub fn monotonic_ns() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds that the calling thread has run on a processor; a system call, so not for every request.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    // By way of the C library: rustix looks into the kernel's own page of code, which is not there under valgrind.
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Now, for timing something with [`Instant::elapsed`].
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970 by the wall clock; 0 for a clock that stands before 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
