//! A number of places that threads take and free without waiting for each other.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::shards::Shards;

/// A number of places. Whoever frees one leaves it with the threads of its group, who then take it without touching what others write to;
/// where they have none, they take one of the others'.
#[derive(Debug)]
pub struct Places(Shards<AtomicUsize>);

impl Places {
    /// So many free places.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let places = Self(Shards::default());
        places.give(count);
        places
    }

    /// Takes a place; false when none is free.
    #[must_use]
    pub fn take(&self) -> bool {
        let take_from = |free: &AtomicUsize| free.fetch_update(SeqCst, SeqCst, |free| free.checked_sub(1)).is_ok();
        self.0.nearest_first().any(take_from)
    }

    /// Takes so many places, or none.
    #[must_use]
    pub fn take_all(&self, count: usize) -> bool {
        let taken = (0..count).take_while(|_| self.take()).count();
        if taken < count {
            self.give(taken);
        }
        taken == count
    }

    /// Frees `count` places that were taken.
    pub fn give(&self, count: usize) {
        self.0.here().fetch_add(count, SeqCst);
    }

    /// How many are free; while others take and give, about so many.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.iter().map(|free| free.load(SeqCst)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn no_more_places_are_taken_than_there_are_by_however_many_threads() {
        const PLACES: usize = 5;
        let (places, inside) = (Places::new(PLACES), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        if places.take() {
                            assert!(inside.fetch_add(1, SeqCst) < PLACES);
                            inside.fetch_sub(1, SeqCst);
                            places.give(1);
                        }
                    }
                });
            }
        });
        assert_eq!(places.free(), PLACES);
        assert!(places.take_all(PLACES) && !places.take());
    }

    #[test]
    fn all_are_taken_or_none() {
        let places = Places::new(3);
        assert!(places.take());
        assert!(!places.take_all(3));
        assert_eq!(places.free(), 2);
        places.give(1);
        assert!(places.take_all(3));
    }
}
