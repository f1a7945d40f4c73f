//! Instances that wait for their next request, where the manifest asks for reuse. By default there are none: every request gets a
//! fresh instance.

use std::sync::{Arc, Weak};

use coracle_base::clock;
use coracle_capabilities as capabilities;
use coracle_engine::{Fault, InstanceState, Reuse};
use coracle_host::Runnable;
use parking_lot::Mutex;
use wasmtime::Store;

/// An instance, or the store for one that is still to be made.
pub(super) struct Instance<P> {
    pub(super) store: Store<InstanceState>,
    /// The guest's exports; `None` before it is instantiated.
    pub(super) proxy: Option<P>,
    served: u32,
    idle_since_ns: u64,
}

/// The idle instances of one component.
pub(super) struct Pool<P> {
    reuse: Option<Reuse>,
    idle: Arc<Mutex<Vec<Instance<P>>>>,
}

impl<P: Send + 'static> Pool<P> {
    pub(super) fn new(runnable: &Runnable) -> Self {
        Self { reuse: runnable.limits().reuse.clone(), idle: Arc::default() }
    }

    /// An idle instance, or the store for a new one.
    pub(super) fn take(&self, runnable: &Runnable) -> Result<Instance<P>, Fault> {
        if let Some(reuse) = &self.reuse {
            expire(&self.idle, reuse);
            if let Some(mut instance) = self.idle.lock().pop() {
                capabilities::begin_invocation(instance.store.data_mut());
                return Ok(instance);
            }
        }
        Ok(Instance { store: runnable.store()?, proxy: None, served: 0, idle_since_ns: 0 })
    }

    /// Where an instance goes when its guest has ended well.
    pub(super) fn returner(&self) -> Returner<P> {
        Returner { reuse: self.reuse.clone(), idle: Arc::downgrade(&self.idle) }
    }
}

/// Puts an instance back, unless reuse is off or the instance has served its time.
pub(super) struct Returner<P> {
    reuse: Option<Reuse>,
    idle: Weak<Mutex<Vec<Instance<P>>>>,
}

impl<P: Send + 'static> Returner<P> {
    pub(super) fn put(self, mut instance: Instance<P>) {
        let (Some(reuse), Some(idle)) = (self.reuse, self.idle.upgrade()) else { return };
        instance.served += 1;
        if instance.served >= reuse.requests_max || instance.proxy.is_none() {
            return;
        }
        instance.idle_since_ns = clock::monotonic_ns();
        idle.lock().push(instance);
        let idle = self.idle;
        tokio::spawn(async move {
            tokio::time::sleep(reuse.idle).await;
            if let Some(idle) = idle.upgrade() {
                expire(&idle, &reuse);
            }
        });
    }
}

/// Lets go of instances that have waited too long.
fn expire<P>(idle: &Mutex<Vec<Instance<P>>>, reuse: &Reuse) {
    let longest_ns = u64::try_from(reuse.idle.as_nanos()).unwrap_or(u64::MAX);
    let now_ns = clock::monotonic_ns();
    let expired: Vec<_> = idle.lock().extract_if(.., |instance| now_ns.saturating_sub(instance.idle_since_ns) >= longest_ns).collect();
    // Dropping an instance takes a while; nobody waits for the lock meanwhile.
    drop(expired);
}
