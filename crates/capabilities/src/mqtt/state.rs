//! What the components of an app share, what one was granted, and what one instance has open.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coracle_engine::{Grant, Identity};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Error, Limits};
use crate::egress::{Calls, Policy};
use crate::operations::Operations;
use crate::tls::Trust;

/// The MQTT state of one instance. By default it may reach nobody.
#[derive(Default)]
pub struct State {
    pub(super) policy: Arc<Policy>,
    pub(super) shared: Arc<Shared>,
    pub(super) component: String,
    /// The outbound calls of the invocation, of which opening a connection is one.
    pub(super) calls: Calls,
    pub(super) budget: Arc<Budget>,
    pub(super) operations: Arc<Operations>,
}

/// What an instance has used up. The default has nothing left.
#[derive(Debug)]
pub(super) struct Budget {
    messages: AtomicU32,
    open: Arc<Semaphore>,
}

/// What all components of an app share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    /// Who vouches for brokers that guests name.
    pub(super) trust: Trust,
    connections: Arc<Semaphore>,
}

/// The right to one connection of an instance, and of its app.
#[derive(Debug)]
pub(super) struct Slot {
    _of_instance: OwnedSemaphorePermit,
    _of_app: OwnedSemaphorePermit,
}

pub(super) struct Granted {
    pub(super) policy: Arc<Policy>,
    pub(super) shared: Arc<Shared>,
    pub(super) operations: Arc<Operations>,
}

impl State {
    /// Gives the next invocation its own messages. Connections stay open, with the guest that holds them.
    pub(super) fn renew(&self) {
        self.budget.messages.store(0, Relaxed);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { messages: AtomicU32::new(u32::MAX), open: Arc::new(Semaphore::new(0)) }
    }
}

impl Budget {
    /// Counts one more message.
    pub(super) fn count(&self, messages_max: u32) -> Result<(), Error> {
        let one_more = |messages: u32| messages.checked_add(1).filter(|messages| *messages <= messages_max);
        let counted = self.messages.fetch_update(Relaxed, Relaxed, one_more);
        counted
            .map(drop)
            .map_err(|_| Error::Other(format!("more than {messages_max} messages in one invocation; send the rest in another")))
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Limits::default(), Trust::default())
    }
}

impl Shared {
    pub(super) fn new(limits: Limits, trust: Trust) -> Self {
        let connections = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
        Self { limits, trust, connections }
    }

    /// Takes the right to one more connection. The app's are waited for, as others give theirs back; the instance's own are not.
    pub(super) async fn slot(&self, budget: &Budget) -> Result<Slot, Error> {
        let of_instance = Arc::clone(&budget.open).try_acquire_owned().map_err(|_| Error::TooManyConnections)?;
        if self.limits.connections_max == 0 {
            return Err(Error::TooManyConnections);
        }
        let of_app = tokio::time::timeout(self.limits.wait_max, Arc::clone(&self.connections).acquire_owned()).await;
        let of_app = of_app.ok().and_then(Result::ok).ok_or(Error::TooManyConnections)?;
        Ok(Slot { _of_instance: of_instance, _of_app: of_app })
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        let open = Arc::new(Semaphore::new(self.shared.limits.open_max));
        Box::new(State {
            policy: Arc::clone(&self.policy),
            shared: Arc::clone(&self.shared),
            component: identity.component.clone(),
            calls: Calls::default(),
            budget: Arc::new(Budget { messages: AtomicU32::new(0), open }),
            operations: Arc::clone(&self.operations),
        })
    }
}
