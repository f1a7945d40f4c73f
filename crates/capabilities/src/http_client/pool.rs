//! Connections that wait for their next request. Kept by identity, scheme, host and port; one pool for each app.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use coracle_base::clock;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::WasiBody;

use super::tls::IdentityId;
use crate::egress::Host;

/// Connections that wait: to one place, and altogether.
const IDLE_PER_KEY_MAX: usize = 32;
const IDLE_MAX: usize = 256;
/// How long a connection waits before it is closed.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Requests that share an HTTP/2 connection.
const STREAMS_MAX: usize = 100;

/// Where a connection leads, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// `None` for a connection without TLS.
    pub(super) identity: Option<IdentityId>,
    pub(super) h2c: bool,
    pub(super) host: Host,
    pub(super) port: u16,
}

/// The end of a connection that takes requests.
pub(super) enum Sender {
    H1(http1::SendRequest<WasiBody>),
    H2(http2::SendRequest<WasiBody>),
}

/// The connections of an app.
pub(super) struct Pool {
    shelves: Mutex<HashMap<Key, Vec<Kept>>>,
    is_pooling: bool,
    connections: Option<Arc<Semaphore>>,
    /// Requests that wait for a connection to end.
    waiting: AtomicUsize,
    ids: AtomicU64,
}

/// A connection lent to one request. An HTTP/1 connection is in no pool meanwhile; an HTTP/2 connection stays there.
pub(super) struct Lease {
    pub(super) sender: Sender,
    /// Whether an earlier request used the connection, so that it may have been closed unnoticed.
    pub(super) is_reused: bool,
    key: Key,
    id: u64,
    users: Arc<()>,
}

/// The right to have one more connection.
pub(super) struct ConnectionSlot {
    _permit: Option<OwnedSemaphorePermit>,
}

struct Kept {
    id: u64,
    sender: Sender,
    since: Instant,
    /// Held by every request that uses the connection.
    users: Arc<()>,
}

/// Counts a waiting request, also when it is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    pub(super) fn new(is_pooling: bool, connections: Option<Arc<Semaphore>>) -> Self {
        Self { shelves: Mutex::default(), is_pooling, connections, waiting: AtomicUsize::new(0), ids: AtomicU64::new(0) }
    }

    /// A connection that waits for a request to `key`.
    pub(super) fn lend(&self, key: &Key) -> Option<Lease> {
        let mut shelves = self.shelves.lock();
        let shelf = shelves.get_mut(key)?;
        shelf.retain(|kept| !kept.sender.is_closed());
        let index = shelf.iter().rposition(Kept::has_room)?;
        let kept = shelf.get_mut(index)?;
        if let Sender::H2(sender) = &kept.sender {
            kept.since = clock::now();
            let (sender, users) = (Sender::H2(sender.clone()), Arc::clone(&kept.users));
            return Some(Lease { sender, is_reused: true, key: key.clone(), id: kept.id, users });
        }
        let Kept { id, sender, users, .. } = shelf.swap_remove(index);
        Some(Lease { sender, is_reused: true, key: key.clone(), id, users })
    }

    /// Lends out a new connection; one of HTTP/2 is there for others at once.
    pub(super) fn adopt(&self, key: Key, id: u64, sender: Sender) -> Lease {
        let users = Arc::new(());
        if let Sender::H2(shared) = &sender
            && self.is_pooling
        {
            let kept = Kept { id, sender: Sender::H2(shared.clone()), since: clock::now(), users: Arc::clone(&users) };
            self.keep(key.clone(), kept);
        }
        Lease { sender, is_reused: false, key, id, users }
    }

    /// Takes back a connection whose request has ended.
    pub(super) fn give_back(&self, lease: Lease) {
        let Lease { sender, key, id, users, .. } = lease;
        let is_wanted = self.is_pooling && self.waiting.load(Relaxed) == 0 && !sender.is_closed();
        if is_wanted && matches!(sender, Sender::H1(_)) {
            self.keep(key, Kept { id, sender, since: clock::now(), users });
        }
    }

    /// A name for a new connection.
    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Relaxed)
    }

    /// Waits for the right to have one more connection, at the cost of one that idles; `None` when there may be none at all.
    pub(super) async fn slot(&self) -> Option<ConnectionSlot> {
        let Some(connections) = &self.connections else { return Some(ConnectionSlot { _permit: None }) };
        if let Ok(permit) = Arc::clone(connections).try_acquire_owned() {
            return Some(ConnectionSlot { _permit: Some(permit) });
        }
        self.waiting.fetch_add(1, Relaxed);
        let _waiting = Waiting(&self.waiting);
        self.close_oldest();
        Arc::clone(connections).acquire_owned().await.ok().map(|permit| ConnectionSlot { _permit: Some(permit) })
    }

    /// Closes the connection that has waited longest.
    pub(super) fn close_oldest(&self) {
        let mut shelves = self.shelves.lock();
        let idle =
            shelves.iter().flat_map(|(key, shelf)| shelf.iter().filter(|kept| kept.is_idle()).map(move |kept| (kept.since, kept.id, key)));
        let oldest = idle.min_by_key(|(since, ..)| *since).map(|(_, id, key)| (id, key.clone()));
        if let Some((id, key)) = oldest {
            remove(&mut shelves, &key, |kept| kept.id == id);
        }
    }

    /// Runs a connection to its end, closing it when nobody has used it for long.
    pub(super) async fn drive(pool: Weak<Self>, key: Key, id: u64, slot: ConnectionSlot, connection: impl Future) {
        let mut connection = std::pin::pin!(connection);
        loop {
            tokio::select! {
                _ = &mut connection => break,
                () = tokio::time::sleep(IDLE_TIME_MAX / 2) => {
                    if let Some(pool) = pool.upgrade() {
                        let is_stale = |kept: &Kept| kept.id == id && kept.is_idle() && kept.since.elapsed() >= IDLE_TIME_MAX;
                        remove(&mut pool.shelves.lock(), &key, is_stale);
                    }
                }
            }
        }
        if let Some(pool) = pool.upgrade() {
            remove(&mut pool.shelves.lock(), &key, |kept| kept.id == id);
        }
        drop(slot);
    }

    fn keep(&self, key: Key, kept: Kept) {
        let mut shelves = self.shelves.lock();
        let total: usize = shelves.values().map(Vec::len).sum();
        let shelf = shelves.entry(key).or_default();
        if total < IDLE_MAX && shelf.len() < IDLE_PER_KEY_MAX {
            shelf.push(kept);
        }
    }
}

impl Kept {
    fn has_room(&self) -> bool {
        match &self.sender {
            Sender::H1(sender) => sender.is_ready(),
            Sender::H2(_) => Arc::strong_count(&self.users) <= STREAMS_MAX,
        }
    }

    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.users) == 1
    }
}

impl Sender {
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::H1(sender) => sender.is_closed(),
            Self::H2(sender) => sender.is_closed(),
        }
    }
}

fn remove(shelves: &mut HashMap<Key, Vec<Kept>>, key: &Key, is_removed: impl Fn(&Kept) -> bool) {
    if let Some(shelf) = shelves.get_mut(key) {
        shelf.retain(|kept| !is_removed(kept));
        if shelf.is_empty() {
            shelves.remove(key);
        }
    }
}
