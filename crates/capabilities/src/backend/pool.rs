//! Connections that wait for their next user. They are lent to one user at a time and taken back only clean; how a connection is made clean
//! its owner knows. What there may be altogether, lent and waiting, is bounded, and so is the wait for one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use coracle_base::clock;
use coracle_base::metrics::{self, OutboundPermits};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How long a connection waits before it is closed.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Connections to one place that wait.
const IDLE_PER_KEY_MAX: usize = 32;

/// A connection that can be kept.
pub(crate) trait Pooled: Send + 'static {
    /// Whether it still leads somewhere.
    fn is_usable(&self) -> bool;
}

/// The connections of one kind that an app has.
pub(crate) struct Pool<C> {
    shelves: Mutex<Shelves<C>>,
    connections_max: usize,
    freed: Notify,
    is_swept: AtomicBool,
    permits: OutboundPermits,
}

/// The right to have one connection, until it is dropped.
pub(crate) struct Place<C: Pooled> {
    pool: Arc<Pool<C>>,
    key: Arc<str>,
}

/// Every connection that there may be is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// The bound.
    pub(crate) connections_max: usize,
}

struct Shelves<C> {
    /// Connections that there are, lent and waiting.
    open: usize,
    idle: HashMap<Arc<str>, Vec<Idle<C>>>,
}

struct Idle<C> {
    connection: C,
    since: Instant,
}

impl<C: Pooled> Pool<C> {
    /// A pool of up to `connections_max` connections, whose permits are counted as those of `factor`.
    pub(crate) fn new(factor: &str, connections_max: usize) -> Arc<Self> {
        let shelves = Mutex::new(Shelves { open: 0, idle: HashMap::new() });
        let permits = OutboundPermits::new(metrics::global(), factor);
        Arc::new(Self { shelves, connections_max, freed: Notify::new(), is_swept: AtomicBool::new(false), permits })
    }

    /// The right to one connection to what `key` stands for, and one that waited, if there is one. Users whose keys differ never share.
    ///
    /// # Errors
    /// [`Full`] when no connection came free within `wait_max`.
    pub(crate) async fn acquire(self: &Arc<Self>, key: &Arc<str>, wait_max: Duration) -> Result<(Place<C>, Option<C>), Full> {
        let begin = clock::now();
        let acquired = tokio::time::timeout(wait_max, async {
            loop {
                // What is freed between the look and the wait is not missed: a notice without a waiter is kept.
                if let Some(found) = self.look(key) {
                    return found;
                }
                self.freed.notified().await;
            }
        });
        let found = if self.connections_max == 0 { None } else { acquired.await.ok() };
        self.permits.count(found.is_some(), begin.elapsed());
        found.ok_or(Full { connections_max: self.connections_max })
    }

    fn look(self: &Arc<Self>, key: &Arc<str>) -> Option<(Place<C>, Option<C>)> {
        let place = || Place { pool: Arc::clone(self), key: Arc::clone(key) };
        let mut dropped = Vec::new();
        let mut shelves = self.shelves.lock();
        shelves.prune(&mut dropped);
        let kept = shelves.idle.get_mut(key).and_then(Vec::pop);
        let found = if let Some(kept) = kept {
            Some((place(), Some(kept.connection)))
        } else if shelves.open < self.connections_max || shelves.close_oldest(&mut dropped) {
            shelves.open = shelves.open.saturating_add(1);
            Some((place(), None))
        } else {
            None
        };
        drop(shelves);
        found
    }

    /// Closes what waits for too long, as long as something waits.
    async fn sweep(pool: Weak<Self>) {
        loop {
            tokio::time::sleep(IDLE_TIME_MAX / 2).await;
            let Some(pool) = pool.upgrade() else { return };
            let mut dropped = Vec::new();
            let mut shelves = pool.shelves.lock();
            shelves.prune(&mut dropped);
            if shelves.idle.is_empty() {
                pool.is_swept.store(false, Relaxed);
                return;
            }
        }
    }
}

impl<C: Pooled> Place<C> {
    /// Keeps `connection`, which is clean, for the next user.
    pub(crate) fn keep(self, connection: C) {
        let mut shelves = self.pool.shelves.lock();
        let shelf = shelves.idle.entry(Arc::clone(&self.key)).or_default();
        if shelf.len() >= IDLE_PER_KEY_MAX || !connection.is_usable() {
            drop(shelves);
            return;
        }
        shelf.push(Idle { connection, since: clock::now() });
        // The connection goes on counting, though this place goes away.
        shelves.open = shelves.open.saturating_add(1);
        drop(shelves);
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && !self.pool.is_swept.swap(true, Relaxed)
        {
            runtime.spawn(Pool::sweep(Arc::downgrade(&self.pool)));
        }
    }
}

impl<C: Pooled> Drop for Place<C> {
    fn drop(&mut self) {
        let mut shelves = self.pool.shelves.lock();
        shelves.open = shelves.open.saturating_sub(1);
        drop(shelves);
        self.pool.freed.notify_one();
    }
}

impl<C: Pooled> Shelves<C> {
    /// Takes out what is of no use any more. It goes into `dropped`, since closing it is no work for a holder of the lock.
    fn prune(&mut self, dropped: &mut Vec<C>) {
        for shelf in self.idle.values_mut() {
            let is_gone = |idle: &mut Idle<C>| !idle.connection.is_usable() || idle.since.elapsed() >= IDLE_TIME_MAX;
            dropped.extend(shelf.extract_if(.., is_gone).map(|idle| idle.connection));
        }
        self.idle.retain(|_, shelf| !shelf.is_empty());
        let waiting: usize = dropped.len();
        self.open = self.open.saturating_sub(waiting);
    }

    /// Makes room by closing the connection that has waited longest, if one waits.
    fn close_oldest(&mut self, dropped: &mut Vec<C>) -> bool {
        let oldest = self.idle.iter().filter_map(|(key, shelf)| Some((shelf.first()?.since, key))).min_by_key(|(since, _)| *since);
        let Some(key) = oldest.map(|(_, key)| Arc::clone(key)) else { return false };
        let Some(shelf) = self.idle.get_mut(&key) else { return false };
        dropped.push(shelf.remove(0).connection);
        if shelf.is_empty() {
            self.idle.remove(&key);
        }
        self.open = self.open.saturating_sub(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(3_600);

    struct Link(u32, Arc<AtomicBool>);

    impl Pooled for Link {
        fn is_usable(&self) -> bool {
            self.1.load(Relaxed)
        }
    }

    fn link(number: u32) -> Link {
        Link(number, Arc::new(AtomicBool::new(true)))
    }

    fn key(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[tokio::test]
    async fn a_connection_goes_to_the_next_user_of_its_key_only() {
        let pool = Pool::new("test", 2);
        let (place, found) = pool.acquire(&key("a"), WAIT).await.unwrap();
        assert!(found.is_none());
        place.keep(link(7));
        let (_b, found) = pool.acquire(&key("b"), WAIT).await.unwrap();
        assert!(found.is_none());
        let (_a, found) = pool.acquire(&key("a"), WAIT).await.unwrap();
        assert_eq!(found.map(|link| link.0), Some(7));
    }

    #[tokio::test]
    async fn one_that_waits_makes_room_for_another_key() {
        let pool = Pool::new("test", 1);
        let alive = Arc::new(());
        pool.acquire(&key("a"), WAIT).await.unwrap().0.keep(link(1));
        let (place, found) = pool.acquire(&key("b"), WAIT).await.unwrap();
        assert!(found.is_none());
        drop(place);
        let (_place, found) = pool.acquire(&key("a"), WAIT).await.unwrap();
        assert!(found.is_none(), "it was closed");
        drop(alive);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_what_comes_back_or_is_told() {
        let pool: Arc<Pool<Link>> = Pool::new("test", 1);
        let (place, _) = pool.acquire(&key("a"), WAIT).await.unwrap();
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.acquire(&key("a"), WAIT).await.unwrap().1.map(|link: Link| link.0) }
        });
        assert_eq!(pool.acquire(&key("a"), Duration::from_secs(1)).await.err(), Some(Full { connections_max: 1 }));
        place.keep(link(3));
        assert_eq!(waiting.await.unwrap(), Some(3));
        let none = Pool::<Link>::new("test", 0);
        assert!(none.acquire(&key("a"), WAIT).await.is_err());
    }

    #[tokio::test]
    async fn what_broke_is_not_lent() {
        let pool = Pool::new("test", 1);
        let connection = link(1);
        let is_alive = Arc::clone(&connection.1);
        pool.acquire(&key("a"), WAIT).await.unwrap().0.keep(connection);
        is_alive.store(false, Relaxed);
        let (place, found) = pool.acquire(&key("a"), WAIT).await.unwrap();
        assert!(found.is_none());
        place.keep(Link(2, is_alive));
        assert!(pool.acquire(&key("a"), WAIT).await.unwrap().1.is_none());
    }
}
