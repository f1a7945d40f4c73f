//! What all components of an app share when they connect out: the operator's closed networks, how many connections there may be, the
//! resolver, and which denials were told already.

use std::collections::BTreeSet;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, Site};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::networks::BlockedNetworks;
use super::resolve::{Resolve, SystemResolver};

/// Denials of one app that are remembered so as not to be told again.
const DENIALS_TOLD_MAX: usize = 1_024;

/// The way out of an app.
pub struct Networking {
    pub(super) blocked: BlockedNetworks,
    pub(super) resolver: Arc<dyn Resolve>,
    connections: Option<Arc<Semaphore>>,
    sockets: Option<Arc<Semaphore>>,
    told: Mutex<BTreeSet<(String, String)>>,
}

/// The table `[outbound_networking]` of the runtime configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    block_networks: Vec<String>,
    #[serde(rename = "max_socket_connections")]
    socket_connections_max: Option<usize>,
    #[serde(rename = "max_total_connections")]
    total_connections_max: Option<usize>,
}

/// The right to have one more connection; given back when dropped. A connection counts under each bound that there is for it.
#[derive(Debug)]
pub struct Slot {
    _permits: Vec<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Networking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Networking").field("blocked", &self.blocked).finish_non_exhaustive()
    }
}

impl Default for Networking {
    fn default() -> Self {
        Self::new(BlockedNetworks::default(), Arc::new(SystemResolver))
    }
}

impl Networking {
    /// A way out that closes `blocked` and asks `resolver` for addresses.
    #[must_use]
    pub fn new(blocked: BlockedNetworks, resolver: Arc<dyn Resolve>) -> Self {
        Self { blocked, resolver, connections: None, sockets: None, told: Mutex::default() }
    }

    /// The same with at most `connections_max` connections at once.
    #[must_use]
    pub fn with_connections_max(mut self, connections_max: usize) -> Self {
        self.connections = Some(semaphore(connections_max));
        self
    }

    /// Reads `[outbound_networking]` and leaves the way out in the site, unless one is there.
    ///
    /// # Errors
    /// [`BindError`] when the table is not understood.
    pub fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
        let table: Table = bind.config.take_as("outbound_networking")?.unwrap_or_default();
        let blocked = BlockedNetworks::parse(&table.block_networks).map_err(|error| BindError::Backend {
            what: "`[outbound_networking]` of the runtime configuration".to_owned(),
            remedy: "correct `block_networks`".to_owned(),
            source: Box::new(error),
        })?;
        if bind.site.shared::<Self>().is_none() {
            let mut networking = Self::new(blocked, Arc::new(SystemResolver));
            networking.connections = table.total_connections_max.map(semaphore);
            networking.sockets = table.socket_connections_max.map(semaphore);
            bind.site.share(Arc::new(networking));
        }
        Ok(())
    }

    /// The way out of `site`, or the default one.
    #[must_use]
    pub fn of(site: &Site) -> Arc<Self> {
        site.shared().unwrap_or_default()
    }

    pub(super) fn is_full(&self) -> bool {
        self.connections.as_ref().is_some_and(|connections| connections.available_permits() == 0)
    }

    /// Waits for the right to have one more connection; `None` when there may be none at all.
    pub(super) async fn connection(&self) -> Option<Slot> {
        match &self.connections {
            None => Some(Slot { _permits: Vec::new() }),
            Some(bound) => Arc::clone(bound).acquire_owned().await.ok().map(|permit| Slot { _permits: vec![permit] }),
        }
    }

    /// Takes the right to have one more raw socket, which is a connection too; `None` when all are taken.
    #[must_use]
    pub fn socket(&self) -> Option<Slot> {
        let bounds = self.sockets.iter().chain(&self.connections);
        let permits = bounds.map(|bound| Arc::clone(bound).try_acquire_owned());
        permits.collect::<Result<_, _>>().ok().map(|permits| Slot { _permits: permits })
    }

    /// Whether this denial is new, and worth a line in the log.
    pub(super) fn is_news(&self, component: &str, destination: &str) -> bool {
        let mut told = self.told.lock();
        told.len() < DENIALS_TOLD_MAX && told.insert((component.to_owned(), destination.to_owned()))
    }
}

/// A bound of none is closed from the start: nobody has to wait to learn of it.
fn semaphore(connections_max: usize) -> Arc<Semaphore> {
    let semaphore = Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS));
    if connections_max == 0 {
        semaphore.close();
    }
    Arc::new(semaphore)
}
