//! How often the kernel had to give a thread a page. A page that reads as at the beginning can be written to only after that, so where
//! nothing was counted, nothing but the pages that are private already can have changed.

use crate::{Meter, thread};

/// The count of one thread at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Faults {
    thread: u64,
    count: i64,
}

impl Faults {
    /// The count of the calling thread now; `None` where the system does not count for each thread.
    pub(super) fn here() -> Option<Self> {
        Some(Self { thread: thread::number(), count: count()? })
    }

    /// Whether the calling thread has had none since, and has been the only one to run what `meter` measures.
    pub(super) fn are_none_since(self, meter: &Meter) -> bool {
        meter.is_only_of(self.thread) && Self::here() == Some(self)
    }
}

#[cfg(target_os = "linux")]
fn count() -> Option<i64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    Some(usage.minor_page_faults().wrapping_add(usage.major_page_faults()))
}

#[cfg(not(target_os = "linux"))]
fn count() -> Option<i64> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Metered;

    fn run_on(meter: &std::sync::Arc<Meter>) {
        let mut polled = Box::pin(Metered::new(std::future::ready(()), std::sync::Arc::clone(meter)));
        let _ = polled.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }

    #[test]
    fn a_page_that_is_touched_is_counted() {
        let meter = std::sync::Arc::new(Meter::new(Duration::from_secs(1)));
        run_on(&meter);
        let before = Faults::here().unwrap();
        let touched = vec![1_u8; 64 << 20];
        assert_eq!(std::hint::black_box(&touched).iter().filter(|byte| **byte == 1).count(), touched.len());
        assert!(!before.are_none_since(&meter));
    }

    #[test]
    fn what_ran_on_another_thread_is_not_told_from_this_one() {
        let meter = std::sync::Arc::new(Meter::new(Duration::from_secs(1)));
        assert!(!Faults::here().unwrap().are_none_since(&meter), "nothing is known of what never ran");
        run_on(&meter);
        std::thread::scope(|scope| {
            scope.spawn(|| run_on(&meter));
        });
        assert!(!Faults::here().unwrap().are_none_since(&meter));
    }
}
