//! How a guest that computes for long shares its thread: after each turn of its own the others have theirs, until they have had several
//! times as long as it or few of them are ready.

use coracle_base::clock;

use crate::ticker::SHORT_TICK_NS;

/// How long others may have the thread after one turn of a guest that computes: it keeps a tenth of a thread that is always wanted. With a
/// fourth, requests of others that took most of a core still piled up beside it now and then.
pub(crate) const OTHERS_NS_MAX: u64 = 9 * SHORT_TICK_NS;

/// Others that together take less than this are few, and can wait for one more turn. To look at the sockets and find nobody takes a tenth
/// of it: on a much slower machine, too, a guest that is alone must not wait for nobody.
const FEW_NS: u64 = SHORT_TICK_NS / 8;

/// Lets others have the thread, for `others_ns_max` at most. The sockets and timers of the thread are looked at before each look at what
/// is ready, so that what came in while the guest computed is ready.
pub(crate) async fn give_way(others_ns_max: u64) {
    let began_ns = clock::monotonic_ns();
    let mut asked_ns = began_ns;
    loop {
        tokio::task::yield_now().await;
        let now_ns = clock::monotonic_ns();
        let were_few = now_ns.saturating_sub(asked_ns) < FEW_NS;
        if were_few || now_ns.saturating_sub(began_ns) >= others_ns_max {
            return;
        }
        asked_ns = now_ns;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    /// Turns that the other task takes when it is left alone.
    const TURNS: usize = 20;

    /// The turns that another task had had before somebody who gave way to it went on.
    fn turns_of_another(others_ns_max: u64) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let turns = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            let other = tokio::spawn({
                let turns = Arc::clone(&turns);
                async move {
                    for _ in 0..TURNS {
                        let began_ns = clock::monotonic_ns();
                        while clock::monotonic_ns() - began_ns < 2 * FEW_NS {
                            std::hint::spin_loop();
                        }
                        turns.fetch_add(1, Relaxed);
                        tokio::task::yield_now().await;
                    }
                }
            });
            give_way(others_ns_max).await;
            let had = turns.load(Relaxed);
            other.await.unwrap();
            had
        })
    }

    #[test]
    fn goes_on_when_nobody_else_is_ready() {
        assert_eq!(turns_of_another(u64::MAX), TURNS);
    }

    #[test]
    fn goes_on_after_its_time_though_others_are_ready() {
        assert_eq!(turns_of_another(0), 1);
    }

    /// A task that is always ready must not keep the thread from its sockets and timers, however seldom it looks at them by itself.
    #[test]
    fn what_came_in_meanwhile_is_ready() {
        const TRIES_MAX: usize = 100_000;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(u32::MAX).build().unwrap();
        runtime.block_on(async {
            let (writer, reader) = tokio::net::unix::pipe::pipe().unwrap();
            let waits = tokio::spawn(async move { reader.readable().await });
            tokio::task::yield_now().await;
            writer.try_write(b"x").unwrap();
            for _ in (0..TRIES_MAX).take_while(|_| !waits.is_finished()) {
                give_way(OTHERS_NS_MAX).await;
            }
            assert!(waits.is_finished(), "the thread did not look at its sockets");
        });
    }
}
