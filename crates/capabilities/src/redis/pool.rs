//! Connections that wait for their next guest, by component and address, password and all: nobody is lent what another one logged in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::cmd;
use coracle_base::clock;
use coracle_base::metrics::{self, OutboundPermits};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Error;
use crate::redis_connection::Connection;

/// Connections that wait, and how long they do.
const IDLE_MAX: usize = 64;
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// After this time a connection is asked whether it still is one, and how long the answer may take.
const PING_AFTER: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// The connections of an app.
pub(super) struct Pool {
    idle: Mutex<Vec<Idle>>,
    places: Option<Arc<Semaphore>>,
    permits: OutboundPermits,
}

/// Whose connections, and where they lead. The address is as the guest wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) component: String,
    pub(super) address: String,
}

/// A connection that one guest has. Dropped, it ends; given back, it waits for the next guest.
pub(super) struct Lease {
    pub(super) connection: Connection,
    _slot: Slot,
}

/// The right to have one more connection.
pub(super) struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
}

struct Idle {
    key: Arc<Key>,
    lease: Lease,
    since: Instant,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Pool {
    /// A pool that has up to `connections_max` connections.
    pub(super) fn new(connections_max: Option<usize>) -> Self {
        let places = connections_max.map(|connections_max| {
            let places = Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS));
            // Nobody has to wait to learn that there is none.
            if connections_max == 0 {
                places.close();
            }
            Arc::new(places)
        });
        Self { idle: Mutex::default(), places, permits: OutboundPermits::new(metrics::global(), "outbound_redis") }
    }

    /// A connection that waits for `key`, if there is one that is alive.
    pub(super) async fn lend(&self, key: &Key) -> Option<Lease> {
        while let Some(Idle { lease, since, .. }) = self.take(key) {
            let is_fresh = clock::now().duration_since(since) < PING_AFTER;
            if lease.connection.is_open() && (is_fresh || answers(&lease.connection).await) {
                return Some(lease);
            }
        }
        None
    }

    /// Waits for the right to have one more connection, up to `wait_max`. A connection that waits for others gives way.
    pub(super) async fn slot(&self, wait_max: Duration) -> Result<Slot, Error> {
        let Some(places) = &self.places else { return Ok(Slot { _permit: None }) };
        let begin = clock::now();
        if places.available_permits() == 0 {
            drop(self.take_oldest());
        }
        let permit = timeout(wait_max, Arc::clone(places).acquire_owned()).await.ok().and_then(Result::ok);
        self.permits.count(permit.is_some(), clock::now().duration_since(begin));
        permit.map(|permit| Slot { _permit: Some(permit) }).ok_or(Error::TooManyConnections)
    }

    /// Keeps `lease`, whose connection is in the state of a new one, for the next guest.
    pub(super) fn give_back(&self, key: &Arc<Key>, lease: Lease) {
        let now = clock::now();
        let mut ended = Vec::new();
        let mut idle = self.idle.lock();
        ended.extend(idle.extract_if(.., |idle| now.duration_since(idle.since) > IDLE_TIME_MAX || !idle.lease.connection.is_open()));
        // Somebody waits for a place: a new connection of another kind may be wanted more than this one.
        let is_wanted = self.places.as_ref().is_some_and(|places| places.available_permits() == 0);
        if lease.connection.is_open() && !is_wanted {
            if idle.len() >= IDLE_MAX {
                ended.push(idle.remove(0));
            }
            idle.push(Idle { key: Arc::clone(key), lease, since: now });
        }
        // Not under the lock: their ends wake tasks.
        drop(idle);
        drop(ended);
    }

    fn take(&self, key: &Key) -> Option<Idle> {
        let mut idle = self.idle.lock();
        let index = idle.iter().rposition(|idle| *idle.key == *key)?;
        Some(idle.remove(index))
    }

    fn take_oldest(&self) -> Option<Idle> {
        let mut idle = self.idle.lock();
        if idle.is_empty() { None } else { Some(idle.remove(0)) }
    }
}

impl Lease {
    pub(super) fn new(connection: Connection, slot: Slot) -> Self {
        Self { connection, _slot: slot }
    }
}

async fn answers(connection: &Connection) -> bool {
    let mut commands = connection.commands();
    let ping = cmd("PING");
    matches!(timeout(PING_TIMEOUT, ping.query_async::<()>(&mut commands)).await, Ok(Ok(())))
}
