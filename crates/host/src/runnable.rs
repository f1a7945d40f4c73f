//! One component or program of a workload: compiled, linked, granted and bounded. Triggers ask it for admission and for instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use coracle_engine::{Component, Engines, Fault, Generation, Grant, Identity, IdlePlace, InstanceState, Limits, LoadError, Rewind, Shape};
use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

use crate::admission::{Admission, Slot};

/// What a component is made ready from.
pub struct Parts {
    /// The app and the component.
    pub identity: Identity,
    /// The compiled component.
    pub component: Component,
    /// What the manifest grants, by key; see [`coracle_capabilities::grants`].
    pub grants: Vec<Box<dyn Grant>>,
    /// Its bounds.
    pub limits: Limits,
}

/// A component made ready to run.
pub struct Runnable {
    engines: Arc<Engines>,
    component: Component,
    prepared: Prepared,
    identity: Arc<Identity>,
    /// What instances may do that are made from now on.
    grants: ArcSwap<Grants>,
    /// How often the grants were replaced.
    generation: AtomicU64,
    limits: Arc<Limits>,
    /// The labels under which the component imports interfaces.
    labels: Arc<[String]>,
    admission: Admission,
}

type Grants = Arc<[Box<dyn Grant>]>;

/// A component or program with all its imports resolved.
enum Prepared {
    Component(InstancePre<InstanceState>),
    Program(wasmtime::InstancePre<InstanceState>),
}

impl std::fmt::Debug for Runnable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runnable").field("component", &self.identity.component).finish_non_exhaustive()
    }
}

impl Runnable {
    /// Links the component of `parts` against `linker`, once for all instances.
    ///
    /// # Errors
    /// [`LoadError::Link`] when the component imports what no capability answers.
    pub fn new(engines: &Arc<Engines>, linker: &Linker<InstanceState>, parts: Parts) -> Result<Self, LoadError> {
        let prepared = Prepared::Component(parts.component.prepare(linker)?);
        Ok(Self::ready(engines, prepared, parts))
    }

    /// Links the program of `parts`, a core module, against `linker`, once for all instances.
    ///
    /// # Errors
    /// [`LoadError::Link`] when it imports what WASI 0.1 does not have.
    pub fn program(engines: &Arc<Engines>, linker: &wasmtime::Linker<InstanceState>, parts: Parts) -> Result<Self, LoadError> {
        let prepared = Prepared::Program(parts.component.prepare_program(linker)?);
        Ok(Self::ready(engines, prepared, parts))
    }

    fn ready(engines: &Arc<Engines>, prepared: Prepared, parts: Parts) -> Self {
        let limits = Arc::new(parts.limits);
        let labels = parts.component.shape().labelled().map(|(_, label)| label.to_owned()).collect();
        Self {
            engines: Arc::clone(engines),
            component: parts.component,
            prepared,
            identity: Arc::new(parts.identity),
            grants: ArcSwap::from_pointee(parts.grants.into()),
            generation: AtomicU64::new(0),
            admission: Admission::new(Arc::clone(&limits)),
            limits,
            labels,
        }
    }

    /// The id of the component in its app.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.identity.component
    }

    /// The app and component, for logs and metrics.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// What the component imports and exports.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        self.component.shape()
    }

    /// Which engine it runs on.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.component.generation()
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The component with all its imports resolved, for a trigger to find its exports in.
    ///
    /// # Errors
    /// [`LoadError::Program`] where it is a program of WASI 0.1.
    pub fn pre(&self) -> Result<&InstancePre<InstanceState>, LoadError> {
        match &self.prepared {
            Prepared::Component(pre) => Ok(pre),
            Prepared::Program(_) => Err(LoadError::Program),
        }
    }

    /// The program of WASI 0.1 with all its imports resolved; `None` for a component.
    #[must_use]
    pub fn program_pre(&self) -> Option<&wasmtime::InstancePre<InstanceState>> {
        match &self.prepared {
            Prepared::Component(_) => None,
            Prepared::Program(pre) => Some(pre),
        }
    }

    /// Waits for the right to run one invocation.
    ///
    /// # Errors
    /// [`Fault::Overloaded`] when the queue is full or the wait too long, [`Fault::Stopping`] while draining.
    pub async fn admit(self: &Arc<Self>) -> Result<Slot, Fault> {
        self.admission.enter().await?;
        Ok(Slot::new(self))
    }

    /// How instances are put back to their beginning; `None` where each has to be made anew.
    #[must_use]
    pub fn rewind(&self) -> Option<Arc<Rewind>> {
        Rewind::of(&self.component, &self.engines)
    }

    /// What an instance needs to wait among the idle ones of this process.
    #[must_use]
    pub fn idle_place(&self) -> IdlePlace {
        self.engines.idle_place()
    }

    pub(crate) fn engines(&self) -> &Engines {
        &self.engines
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// A store for one new instance.
    ///
    /// # Errors
    /// [`Fault::Instantiate`] when it cannot be allocated.
    pub fn store(&self) -> Result<Store<InstanceState>, Fault> {
        let grants = Grants::clone(&self.grants.load());
        let state = InstanceState::new(Arc::clone(&self.identity), grants, Arc::clone(&self.limits));
        coracle_engine::store(&self.engines, self.generation(), state.with_labels(Arc::clone(&self.labels)))
    }

    /// What the component was granted, for start-up tables.
    #[must_use]
    pub fn granted(&self) -> Vec<String> {
        self.grants.load().iter().flat_map(|grant| grant.describe()).collect()
    }

    /// Gives `grants` to every instance that is made from now on. Those that run keep theirs.
    pub fn rebind(&self, grants: Vec<Box<dyn Grant>>) {
        self.grants.store(Arc::new(grants.into()));
        // After the grants: who reads the new generation finds them.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Which binding instances are made for now. One that was made while this said otherwise must not be used for another request.
    #[must_use]
    pub fn generation_of_grants(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Invocations that run now.
    #[must_use]
    pub fn running(&self) -> usize {
        self.admission.running()
    }
}

impl Runnable {
    /// Lets no invocation in any more and waits until those that run have ended.
    pub async fn drain(&self) {
        self.admission.drain().await;
    }

    /// Waits until no invocation runs, and keeps none out.
    pub async fn idle(&self) {
        self.admission.idle().await;
    }
}
