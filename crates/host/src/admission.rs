//! How many invocations of a component run at once, and how many may wait. What does not fit is refused at once, so that a caller
//! can try elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use coracle_engine::{Awake, Engines, Fault, Limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often it is looked whether everybody has left; only a server that stops does.
const LOOK: Duration = Duration::from_millis(20);

/// The door of one component.
#[derive(Debug)]
pub(crate) struct Admission {
    engines: Arc<Engines>,
    limits: Arc<Limits>,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    stopping: AtomicBool,
}

/// The right to run one invocation; returned when dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    _awake: Awake,
}

/// Counts a waiting invocation, also when its future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Admission {
    pub(crate) fn new(engines: Arc<Engines>, limits: Arc<Limits>) -> Self {
        let slots = Arc::new(Semaphore::new(limits.concurrency));
        Self { engines, limits, slots, waiting: AtomicUsize::new(0), stopping: AtomicBool::new(false) }
    }

    pub(crate) async fn admit(&self) -> Result<Slot, Fault> {
        if self.stopping.load(SeqCst) {
            return Err(Fault::Stopping);
        }
        let permit = match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        Ok(Slot { _permit: permit, _awake: self.engines.awake() })
    }

    /// Lets nobody in any more and waits until everybody has left.
    pub(crate) async fn drain(&self) {
        self.stopping.store(true, SeqCst);
        let all = u32::try_from(self.limits.concurrency).unwrap_or(u32::MAX);
        if self.slots.acquire_many(all).await.is_ok() {
            self.slots.close();
        }
    }

    /// Waits until nobody is inside. To hold all slots for that would keep out what those inside ask for.
    pub(crate) async fn idle(&self) {
        while self.running() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.limits.concurrency.saturating_sub(self.slots.available_permits())
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let before = self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        if before >= self.limits.queue {
            return Err(self.overloaded());
        }
        match tokio::time::timeout(self.limits.queue_wait, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Fault::Stopping),
            Err(_) => Err(self.overloaded()),
        }
    }

    fn overloaded(&self) -> Fault {
        Fault::Overloaded { running: self.running(), waiting: self.waiting.load(SeqCst) }
    }
}
