//! How many invocations of a component run at once, and how many may wait. What does not fit is refused at once, so that a caller
//! can try elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use coracle_base::Places;
use coracle_engine::{Awake, Fault, Limits};
use tokio::sync::{Semaphore, TryAcquireError};

use crate::Runnable;

/// How often it is looked whether everybody has left; only a server that stops does.
const LOOK: Duration = Duration::from_millis(20);

/// The door of one component.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: Arc<Limits>,
    places: Places,
    waiting: AtomicUsize,
    /// Places that were freed while somebody waited; the first who came gets the first.
    handed: Semaphore,
    stopping: AtomicBool,
}

/// The right to run one invocation; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    runnable: Arc<Runnable>,
    awake: Option<Awake>,
}

impl Slot {
    /// The right to run on `runnable`, whose admission was entered for it.
    pub(crate) fn new(runnable: &Arc<Runnable>) -> Self {
        Self { awake: Some(runnable.engines().awake()), runnable: Arc::clone(runnable) }
    }

    /// What may run.
    #[must_use]
    pub fn runnable(&self) -> &Arc<Runnable> {
        &self.runnable
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(awake) = self.awake.take() {
            self.runnable.engines().rest(awake);
        }
        self.runnable.admission().leave();
    }
}

/// Counts a waiting invocation, also when its future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Admission {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        let places = Places::new(limits.concurrency);
        Self { limits, places, waiting: AtomicUsize::new(0), handed: Semaphore::const_new(0), stopping: AtomicBool::new(false) }
    }

    /// Waits for a place. Whoever gets one leaves it with [`Self::leave`].
    pub(crate) async fn enter(&self) -> Result<(), Fault> {
        if self.stopping.load(SeqCst) {
            return Err(Fault::Stopping);
        }
        // Nobody overtakes those who wait.
        if self.waiting.load(SeqCst) > 0 || !self.places.take() {
            return self.wait().await;
        }
        // Once more: who stops and then finds all places free knows that nobody has got in.
        if self.stopping.load(SeqCst) {
            self.leave();
            return Err(Fault::Stopping);
        }
        Ok(())
    }

    /// Frees a place.
    pub(crate) fn leave(&self) {
        self.places.give(1);
        self.hand();
    }

    /// Gives a free place to who waits first, if anybody does. The place is free before it is looked who waits, and who waits is counted
    /// before he looks for a free place: one of the two always sees the other.
    fn hand(&self) {
        if self.waiting.load(SeqCst) > 0 && self.places.take() {
            self.handed.add_permits(1);
        }
    }

    /// Lets nobody in any more and waits until everybody has left.
    pub(crate) async fn drain(&self) {
        self.stopping.store(true, SeqCst);
        self.idle().await;
        self.handed.close();
    }

    /// Waits until nobody is inside.
    pub(crate) async fn idle(&self) {
        while !self.is_idle() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether nobody is inside. For that moment nobody can enter.
    fn is_idle(&self) -> bool {
        self.recall();
        let is_idle = self.places.take_all(self.limits.concurrency);
        if is_idle {
            self.places.give(self.limits.concurrency);
        }
        // Somebody may have begun to wait meanwhile.
        (0..self.waiting.load(SeqCst)).for_each(|_| self.hand());
        is_idle
    }

    pub(crate) fn running(&self) -> usize {
        self.limits.concurrency.saturating_sub(self.places.free().saturating_add(self.handed.available_permits()))
    }

    /// Frees the places again that were handed to who then waited no longer.
    fn recall(&self) {
        while let Ok(permit) = self.handed.try_acquire() {
            permit.forget();
            self.places.give(1);
        }
    }

    async fn wait(&self) -> Result<(), Fault> {
        let before = self.waiting.fetch_add(1, SeqCst);
        let _waiting = Waiting(&self.waiting);
        self.hand();
        let permit = match self.handed.try_acquire() {
            Ok(permit) => permit,
            Err(TryAcquireError::Closed) => return Err(Fault::Stopping),
            Err(TryAcquireError::NoPermits) if before >= self.limits.queue => return Err(self.overloaded()),
            Err(TryAcquireError::NoPermits) => match tokio::time::timeout(self.limits.queue_wait, self.handed.acquire()).await {
                Ok(permit) => permit.map_err(|_| Fault::Stopping)?,
                Err(_) => return Err(self.overloaded()),
            },
        };
        permit.forget();
        Ok(())
    }

    fn overloaded(&self) -> Fault {
        Fault::Overloaded { running: self.running(), waiting: self.waiting.load(SeqCst) }
    }
}
