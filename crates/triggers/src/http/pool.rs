//! Instances that wait for their next request. Every request finds an instance as fresh as a new one: one that was rewound to its
//! beginning, where the component allows that, else a new one. Only where the manifest asks for reuse does state stay.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Weak};
use std::time::Duration;

use coracle_base::clock;
use coracle_base::shards::Shards;
use coracle_capabilities as capabilities;
use coracle_engine::{Fault, IdlePlace, InstanceState, Reuse, Rewind, Snapshot};
use coracle_host::Runnable;
use parking_lot::Mutex;
use wasmtime::Store;
use wasmtime::component::Instance as Guest;

/// How long an instance that was rewound waits for its next request. A new one costs little more, so this is short.
const REWOUND_IDLE: Duration = Duration::from_secs(2);

/// After so many instances that could not be put back, one after the other, a component's are no longer made ready for it each time: most
/// of its requests let the memory grow, which cannot be undone.
const FUTILE_MAX: u32 = 8;

/// One of so many is made ready all the same, to see whether it has become another.
const FUTILE_TRIES: u32 = 32;

/// An instance, or the store for one that is still to be made.
pub(super) struct Instance<P> {
    pub(super) store: Store<InstanceState>,
    /// The guest's exports; `None` before it is instantiated.
    pub(super) proxy: Option<P>,
    snapshot: Option<Snapshot>,
    served: u32,
    idle_since_ns: u64,
    place: IdlePlace,
    /// The binding of its component's grants that it was made for.
    generation: u64,
}

/// What becomes of an instance after a request.
enum Policy {
    /// It is let go.
    Fresh,
    Rewind(Arc<Rewind>),
    Reuse(Reuse),
}

/// The idle instances of one component.
pub(super) struct Pool<P>(Arc<Shared<P>>);

struct Shared<P> {
    policy: Policy,
    /// Those that each group of threads used last, whose memory is near it and is rewound faster. The one that waited least is last, and is
    /// taken first.
    idle: Shards<Mutex<Vec<Instance<P>>>>,
    /// Whether a task waits to let go of those that waited too long.
    sweeping: AtomicBool,
    /// Instances since the last that could be put back.
    futile: AtomicU32,
}

impl<P> Clone for Pool<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Send + 'static> Pool<P> {
    pub(super) fn new(runnable: &Runnable) -> Self {
        let policy = match (&runnable.limits().reuse, runnable.rewind()) {
            (Some(reuse), _) => Policy::Reuse(reuse.clone()),
            (None, Some(rewind)) => Policy::Rewind(rewind),
            (None, None) => Policy::Fresh,
        };
        Self(Arc::new(Shared { policy, idle: Shards::default(), sweeping: AtomicBool::new(false), futile: AtomicU32::new(0) }))
    }

    /// An idle instance, or the store for a new one.
    pub(super) fn take(&self, runnable: &Runnable) -> Result<Instance<P>, Fault> {
        if let Policy::Reuse(_) = &self.0.policy {
            self.0.expire();
        }
        // Read before a store is made: one that gets newer grants than this says is let go, and none is kept with older ones.
        let generation = runnable.generation_of_grants();
        match self.0.idle_of(generation) {
            Some(mut instance) => {
                instance.place.leave();
                if let Policy::Reuse(_) = &self.0.policy {
                    capabilities::begin_invocation(instance.store.data_mut());
                }
                Ok(instance)
            }
            None => {
                let store = runnable.store()?;
                let place = runnable.idle_place();
                Ok(Instance { store, proxy: None, snapshot: None, served: 0, idle_since_ns: 0, place, generation })
            }
        }
    }

    /// Notes the beginning of an instance that was just made of `guest`, so that it can be rewound. `uses` is how often its state had been
    /// used before.
    pub(super) async fn made(&self, instance: &mut Instance<P>, guest: &Guest, uses: u32) -> wasmtime::Result<()> {
        // What a guest asks of its host at its beginning, such as a seed for its random numbers, must be another for each request.
        let is_repeatable = instance.store.data().uses() == uses;
        if let Policy::Rewind(rewind) = &self.0.policy
            && is_repeatable
            && self.0.is_worthwhile()
        {
            instance.snapshot = rewind.snapshot(&mut instance.store, guest).await?;
        }
        Ok(())
    }

    /// Keeps an instance whose guest has ended well for its next request, unless it has served its time or its grants are not those that
    /// hold now.
    pub(super) async fn put(&self, runnable: &Runnable, mut instance: Instance<P>) {
        instance.served = instance.served.saturating_add(1);
        if instance.generation != runnable.generation_of_grants() {
            return;
        }
        let stays = match (&self.0.policy, &mut instance.snapshot) {
            (Policy::Reuse(reuse), _) => instance.served < reuse.requests_max,
            (Policy::Rewind(_), Some(snapshot)) => snapshot.rewind(&mut instance.store).await.unwrap_or_else(|error| {
                tracing::error!(component = runnable.id(), "an instance could not be rewound and is let go: {error:#}");
                false
            }),
            _ => false,
        };
        if let Policy::Rewind(_) = &self.0.policy {
            self.0.note(stays);
        }
        if !stays || instance.proxy.is_none() || !instance.place.take() {
            return;
        }
        instance.idle_since_ns = clock::monotonic_ns();
        self.0.idle.here().lock().push(instance);
        // To read first leaves the line to all who read it.
        if !self.0.sweeping.load(SeqCst) && !self.0.sweeping.swap(true, SeqCst) {
            tokio::spawn(sweep(Arc::downgrade(&self.0), self.0.idle_max()));
        }
    }
}

impl<P> Shared<P> {
    fn idle_max(&self) -> Duration {
        match &self.policy {
            Policy::Reuse(reuse) => reuse.idle,
            Policy::Fresh | Policy::Rewind(_) => REWOUND_IDLE,
        }
    }

    /// Whether an instance that is made now should be made ready to be put back.
    fn is_worthwhile(&self) -> bool {
        let futile = self.futile.load(Relaxed);
        futile < FUTILE_MAX || futile.is_multiple_of(FUTILE_TRIES)
    }

    /// Notes whether an instance could be put back.
    fn note(&self, could: bool) {
        if !could {
            self.futile.fetch_add(1, Relaxed);
        } else if self.futile.load(Relaxed) > 0 {
            self.futile.store(0, Relaxed);
        }
    }

    /// The instance that waited least among those of this thread's group, or else among those of another. One that was not made for
    /// `generation` is let go: it would act on grants that do not hold any more.
    fn idle_of(&self, generation: u64) -> Option<Instance<P>> {
        let all = self.idle.nearest_first();
        all.flat_map(|idle| std::iter::from_fn(|| idle.lock().pop())).find(|instance| instance.generation == generation)
    }

    /// Lets go of instances that have waited too long. Whether any are left.
    fn expire(&self) -> bool {
        let longest_ns = clock::nanoseconds(self.idle_max());
        let now_ns = clock::monotonic_ns();
        let mut are_left = false;
        for idle in self.idle.iter() {
            let mut idle = idle.lock();
            let expired = idle.partition_point(|instance| now_ns.saturating_sub(instance.idle_since_ns) >= longest_ns);
            let expired: Vec<_> = idle.drain(..expired).collect();
            are_left |= !idle.is_empty();
            drop(idle);
            // Dropping an instance takes a while; nobody waits for the lock meanwhile.
            drop(expired);
        }
        are_left
    }

    fn is_empty(&self) -> bool {
        self.idle.iter().all(|idle| idle.lock().is_empty())
    }
}

/// Lets go of what waits too long, until nothing waits.
async fn sweep<P: Send + 'static>(pool: Weak<Shared<P>>, idle: Duration) {
    loop {
        tokio::time::sleep(idle).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.expire() {
            continue;
        }
        pool.sweeping.store(false, SeqCst);
        // One that came in between has seen that somebody sweeps.
        if pool.is_empty() || pool.sweeping.swap(true, SeqCst) {
            return;
        }
    }
}
