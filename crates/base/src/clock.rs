//! The one place that reads a clock.

#![expect(clippy::disallowed_methods, reason = "this is where everybody else is sent")]

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since some fixed moment of this process; never goes back.
#[must_use]
pub fn monotonic_ns() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
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
