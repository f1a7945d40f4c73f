//! When a thread of the generator has to send: at once where an answer came (closed loop), or at moments that were fixed beforehand (open
//! loop).

use super::Shape;
use super::worker::Share;

/// The sending times of one thread, in nanoseconds from the start of the run.
#[derive(Debug)]
pub(super) enum Schedule {
    /// So many in flight.
    Closed { in_flight: usize },
    /// One every `every_ns`, the first at `first_ns`.
    Open { first_ns: f64, every_ns: f64, sent: u64 },
}

impl Schedule {
    /// The part of `shape` that falls to one thread.
    pub(super) fn new(shape: Shape, share: Share) -> Self {
        match shape {
            Shape::Closed { in_flight } => Self::Closed { in_flight: share.of(in_flight) },
            // The threads take turns, so that together they send evenly.
            Shape::Open { per_second } => {
                let every_ns = 1e9 / per_second * share.threads as f64;
                Self::Open { first_ns: every_ns * share.thread as f64 / share.threads as f64, every_ns, sent: 0 }
            }
        }
    }

    /// When the next request is due, given how many are in flight; `None` for not before an answer comes.
    pub(super) fn due_ns(&self, in_flight: usize, now_ns: u64) -> Option<u64> {
        match self {
            Self::Closed { in_flight: at_once } => (in_flight < *at_once).then_some(now_ns),
            Self::Open { first_ns, every_ns, sent } => Some((first_ns + every_ns * *sent as f64) as u64),
        }
    }

    /// The request that was due has been sent.
    pub(super) fn sent(&mut self) {
        if let Self::Open { sent, .. } = self {
            *sent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_loop_knows_its_times_beforehand() {
        let mut schedule = Schedule::new(Shape::Open { per_second: 1_000.0 }, Share { thread: 1, threads: 2 });
        let mut due = Vec::new();
        for _ in 0..3 {
            // However late it is, and however many are in flight.
            due.extend(schedule.due_ns(100, 999_999_999));
            schedule.sent();
        }
        assert_eq!(due, [1_000_000, 3_000_000, 5_000_000]);
    }

    #[test]
    fn a_closed_loop_waits_for_an_answer() {
        let schedule = Schedule::new(Shape::Closed { in_flight: 3 }, Share { thread: 0, threads: 2 });
        assert_eq!(schedule.due_ns(1, 5), Some(5));
        assert_eq!(schedule.due_ns(2, 5), None);
    }
}
