//! When an answer is written: after the other requests that are ready on the same thread have had their turn.
//!
//! Writing an answer wakes who reads it, and a reader on the same machine (a proxy, a sidecar) that is woken for each answer by itself
//! costs both sides more than the answer does. Answers that become ready together leave together instead.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use coracle_base::clock;

/// How long an answer may have waited for its turn before the thread counts as busy with something long.
const WAIT_MAX: Duration = Duration::from_millis(1);

/// How long answers of a busy thread are then written at once.
const PAUSE: Duration = Duration::from_millis(20);

/// The turns of one worker's requests.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Until when nobody gives way.
    paused_until_ns: AtomicU64,
}

impl Turns {
    /// Lets what else is ready on this thread run first, once. Does nothing while a turn takes long, as beside a guest that computes.
    pub(crate) async fn give_way(&self) {
        let before_ns = clock::monotonic_ns();
        if before_ns < self.paused_until_ns.load(Ordering::Relaxed) {
            return;
        }
        let mut has_waited = false;
        poll_fn(|context| {
            if has_waited {
                return Poll::Ready(());
            }
            has_waited = true;
            // Behind everybody who is ready now. Nothing else is asked first, such as the kernel for news.
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let now_ns = clock::monotonic_ns();
        if now_ns.saturating_sub(before_ns) > clock::nanoseconds(WAIT_MAX) {
            self.paused_until_ns.store(now_ns.saturating_add(clock::nanoseconds(PAUSE)), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// Who was done first when one gives way and another is ready, which takes `long`.
    async fn order(turns: &Arc<Turns>, long: Duration) -> Vec<&'static str> {
        let done = Arc::new(Mutex::new(Vec::new()));
        let polite = tokio::spawn({
            let (turns, done) = (Arc::clone(turns), Arc::clone(&done));
            async move {
                turns.give_way().await;
                done.lock().push("polite");
            }
        });
        let ready = tokio::spawn({
            let done = Arc::clone(&done);
            async move {
                let begun = clock::now();
                while begun.elapsed() <= long {
                    std::hint::spin_loop();
                }
                done.lock().push("ready");
            }
        });
        polite.await.unwrap();
        ready.await.unwrap();
        let done = done.lock();
        done.clone()
    }

    #[tokio::test]
    async fn who_is_ready_runs_before_an_answer_is_written() {
        assert_eq!(order(&Arc::default(), Duration::ZERO).await, ["ready", "polite"]);
    }

    #[tokio::test]
    async fn after_a_long_turn_nobody_gives_way_for_a_while() {
        let turns = Arc::new(Turns::default());
        order(&turns, WAIT_MAX * 2).await;
        assert!(turns.paused_until_ns.load(Ordering::Relaxed) > 0);
        turns.paused_until_ns.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(order(&turns, Duration::ZERO).await, ["polite", "ready"]);
    }
}
