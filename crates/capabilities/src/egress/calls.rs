//! How many calls one invocation makes to the outside, and how many at once; all interfaces together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coracle_engine::InstanceState;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The outbound calls of one invocation. Clones count together; the default allows none.
#[derive(Debug, Clone, Default)]
pub struct Calls(Option<Arc<Bounds>>);

#[derive(Debug)]
struct Bounds {
    calls_max: u32,
    made: AtomicU32,
    at_once: Arc<Semaphore>,
}

/// A call that is under way, until it is dropped.
#[derive(Debug)]
pub struct Call {
    _slot: OwnedSemaphorePermit,
}

/// The invocation has made all the calls that it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {calls_max} outbound calls was reached; raise `outbound_calls` in the component's limits if the work needs it")]
pub struct CallsExhausted {
    /// The limit.
    pub calls_max: u32,
}

impl Calls {
    /// The calls of an instance, bounded by its limits.
    pub fn of(instance: &mut InstanceState) -> Self {
        let limits = Arc::clone(instance.limits());
        let calls = instance.state::<Self>();
        let bounds = calls.0.get_or_insert_with(|| {
            let at_once = limits.outbound_concurrency.min(Semaphore::MAX_PERMITS);
            let semaphore = Arc::new(Semaphore::new(at_once));
            Arc::new(Bounds { calls_max: limits.outbound_calls, made: AtomicU32::new(0), at_once: semaphore })
        });
        Self(Some(Arc::clone(bounds)))
    }

    /// Counts one more call, and waits while too many are under way.
    ///
    /// # Errors
    /// [`CallsExhausted`] when the invocation may make none any more.
    pub async fn begin(&self) -> Result<Call, CallsExhausted> {
        let bounds = self.count()?;
        let slot = Arc::clone(&bounds.at_once).acquire_owned().await;
        slot.map(|slot| Call { _slot: slot }).map_err(|_| CallsExhausted { calls_max: bounds.calls_max })
    }

    /// Starts the count anew, for the next invocation of a reused instance.
    pub fn reset(&self) {
        if let Self(Some(bounds)) = self {
            bounds.made.store(0, Relaxed);
        }
    }

    fn count(&self) -> Result<&Bounds, CallsExhausted> {
        let Self(Some(bounds)) = self else { return Err(CallsExhausted { calls_max: 0 }) };
        let counted = bounds.made.try_update(Relaxed, Relaxed, |made| (made < bounds.calls_max).then_some(made.saturating_add(1)));
        counted.map(|_| bounds.as_ref()).map_err(|_| CallsExhausted { calls_max: bounds.calls_max })
    }
}
