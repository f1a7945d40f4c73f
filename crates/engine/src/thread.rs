//! Threads told apart for good, unlike by an address or by the system's number, which a later thread may have again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// No thread.
pub(crate) const NONE: u64 = 0;

/// The number of the calling thread, from 1: no two threads of this process ever have the same.
#[must_use]
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(NONE + 1);
    thread_local! {
        static NUMBER: u64 = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_keeps_a_number_of_its_own() {
        let here = number();
        let there = std::thread::spawn(number).join().unwrap();
        assert_ne!(here, NONE);
        assert_ne!(there, NONE);
        assert_ne!(here, there);
        assert_eq!(here, number());
    }
}
