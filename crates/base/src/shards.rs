//! One value for each of a few groups of threads: threads that work at the same time write to different cache lines, so that none waits
//! for another's.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Groups of threads, on machines with however many cores.
const SHARDS_MAX: usize = 32;

/// Processors that this process may use; asked for once, because the kernel's answer takes some twenty system calls.
#[must_use]
pub fn cores() -> NonZeroUsize {
    static CORES: OnceLock<NonZeroUsize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

/// How many groups there are: more than threads that work at once, so that two seldom share one.
#[must_use]
pub fn shards() -> usize {
    cores().get().saturating_mul(2).next_power_of_two().min(SHARDS_MAX)
}

/// The group of the calling thread, below [`shards`]. Threads are spread evenly in the order in which they first ask.
#[must_use]
pub fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: usize = NEXT.fetch_add(1, Relaxed) % shards();
    }
    SHARD.with(|shard| *shard)
}

/// One `T` for each group of threads.
#[derive(Debug)]
pub struct Shards<T>(Box<[Line<T>]>);

/// As long as the part of memory that one core at a time can write to.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Line<T>(pub(crate) T);

impl<T> Shards<T> {
    /// One of what `make` makes for each group.
    pub fn new(make: impl FnMut() -> T) -> Self {
        let mut make = make;
        Self((0..shards()).map(|_| Line(make())).collect())
    }

    /// That of the calling thread's group.
    pub fn here(&self) -> &T {
        self.of(shard())
    }

    /// That of the group `shard`, which [`shard`] gave.
    pub fn of(&self, shard: usize) -> &T {
        #[expect(clippy::indexing_slicing, reason = "there is one for each group, and the remainder is one of them")]
        &self.0[shard % self.0.len()].0
    }

    /// All, that of the calling thread's group first.
    pub fn nearest_first(&self) -> impl Iterator<Item = &T> {
        let here = shard();
        (0..self.0.len()).map(move |step| self.of(here.wrapping_add(step)))
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|line| &line.0)
    }
}

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_follow_each_other_have_different_shards() {
        let shards: Vec<_> = (0..2).map(|_| thread::spawn(shard).join().unwrap()).collect();
        // Other tests' threads may ask in between.
        assert!(shards.iter().all(|shard| *shard < super::shards()), "{shards:?}");
        assert_eq!(shard(), shard());
    }

    #[test]
    fn every_shard_is_reached_from_every_thread() {
        let all: Shards<AtomicUsize> = Shards::default();
        all.here().fetch_add(1, Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| {
                for one in all.nearest_first() {
                    one.fetch_add(1, Relaxed);
                }
            });
        });
        assert_eq!(all.iter().map(|one| one.load(Relaxed)).sum::<usize>(), shards() + 1);
        assert_eq!(all.here().load(Relaxed), 2);
    }
}
