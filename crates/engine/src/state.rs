//! The data of one instance: its resource table, the state of the capabilities it used so far, and its meters. One struct without
//! type parameters; a capability that a component was not granted costs nothing here.

use std::any::{Any, TypeId};
use std::sync::Arc;

use wasmtime::component::ResourceTable;

use crate::Label;
use crate::capability::Grant;
use crate::limits::{Limits, MemoryLimiter};
use crate::meter::Meter;

/// Who an instance belongs to. Shared by all instances of one component.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The name of the app.
    pub app: String,
    /// The id of the component in its app.
    pub component: String,
}

/// How many resources an instance has room for from its beginning: what a short answer comes to.
const RESOURCES_AT_FIRST: usize = 8;

/// The data of one instance, the `T` of its `Store<T>`.
pub struct InstanceState {
    table: ResourceTable,
    slots: Vec<Slot>,
    grants: Arc<[Box<dyn Grant>]>,
    identity: Arc<Identity>,
    limits: Arc<Limits>,
    meter: Arc<Meter>,
    /// The labels under which the component imports interfaces.
    labels: Arc<[String]>,
    pub(crate) limiter: MemoryLimiter,
    invocation: u32,
    uses: u32,
}

/// A capability's own state in one instance, with the instance's resources.
pub struct View<'a, S> {
    /// The state of the capability.
    pub state: &'a mut S,
    /// The resources of the instance.
    pub table: &'a mut ResourceTable,
    /// The label under which the guest imports the interface that it calls; `None` under the interface's own name.
    pub label: Option<&'a str>,
}

struct Slot {
    key: TypeId,
    value: Box<dyn Any + Send>,
}

impl InstanceState {
    /// The state of a new instance that may do what `grants` allow.
    #[must_use]
    pub fn new(identity: Arc<Identity>, grants: Arc<[Box<dyn Grant>]>, limits: Arc<Limits>) -> Self {
        let (table, meter, limiter) = beginning(&limits);
        Self { table, slots: Vec::new(), grants, identity, limits, meter, labels: Arc::default(), limiter, invocation: 0, uses: 0 }
    }

    /// The same state of a component that imports interfaces under `labels`, in the order of its imports.
    #[must_use]
    pub fn with_labels(self, labels: Arc<[String]>) -> Self {
        Self { labels, ..self }
    }

    /// Makes this the state of the same instance before its first invocation, once its guest is back there too.
    pub(crate) fn renew(&mut self) {
        let memory_bytes = self.memory_bytes();
        let Self { table, slots, grants: _, identity: _, limits, meter, labels: _, limiter, invocation, uses } = self;
        (*table, *meter, *limiter) = beginning(limits);
        limiter.resume(memory_bytes);
        slots.clear();
        (*invocation, *uses) = (0, 0);
    }

    /// The size of the instance's linear memories together, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.limiter.memory_bytes()
    }

    /// The app and component that this instance belongs to.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The bounds of this instance.
    #[must_use]
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The CPU meter of this instance.
    #[must_use]
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Starts the counts of one invocation anew, when an instance is used again.
    pub fn begin_invocation(&mut self) {
        self.invocation = self.invocation.wrapping_add(1);
        self.meter.reset();
        self.limiter.forget();
    }

    /// Which invocation of this instance runs now, so that a capability can tell one from the next.
    #[must_use]
    pub fn invocation(&self) -> u32 {
        self.invocation
    }

    /// How often somebody asked for state of this instance. A host function does, so this tells whether a guest called one meanwhile.
    #[must_use]
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// The resources of this instance.
    pub fn table(&mut self) -> &mut ResourceTable {
        self.uses = self.uses.wrapping_add(1);
        &mut self.table
    }

    /// Gives this instance state that no grant makes, such as the standard streams of a command. Replaces what was there.
    pub fn put<S: Send + 'static>(&mut self, state: S) {
        let key = TypeId::of::<S>();
        self.slots.retain(|slot| slot.key != key);
        self.slots.push(Slot { key, value: Box::new(state) });
    }

    /// The state `S`, which is opened from the component's grant at first use. A component without a grant gets `S::default()`,
    /// which must allow nothing.
    pub fn view<S: Default + Send + 'static>(&mut self) -> View<'_, S> {
        self.look(None)
    }

    /// The same for functions of the import under `label`.
    pub(crate) fn view_at<S: Default + Send + 'static>(&mut self, label: Label) -> View<'_, S> {
        self.look(Some(label))
    }

    /// The same for state that is made of more than its grant: where it says that it is not ready, `make_ready` is called before.
    pub fn view_ready<S: Default + Send + 'static>(&mut self, is_ready: fn(&S) -> bool, make_ready: fn(&mut Self)) -> View<'_, S> {
        let mut index = self.slot::<S>();
        if !self.slots.get(index).and_then(|slot| slot.value.downcast_ref()).is_some_and(is_ready) {
            make_ready(self);
            index = self.slot::<S>();
        }
        self.state_at(index, None)
    }

    /// The state `S`, if this instance has used it already.
    pub fn opened<S: Send + 'static>(&mut self) -> Option<&mut S> {
        let slot = self.slots.iter_mut().find(|slot| slot.key == TypeId::of::<S>())?;
        slot.value.downcast_mut()
    }

    /// The state `S` alone.
    pub fn state<S: Default + Send + 'static>(&mut self) -> &mut S {
        self.look(None).state
    }

    fn look<S: Default + Send + 'static>(&mut self, label: Option<Label>) -> View<'_, S> {
        let index = self.slot::<S>();
        self.state_at(index, label)
    }

    /// The place of the state `S`, which is opened where it was not.
    fn slot<S: Default + Send + 'static>(&mut self) -> usize {
        self.uses = self.uses.wrapping_add(1);
        let key = TypeId::of::<S>();
        self.slots.iter().position(|slot| slot.key == key).unwrap_or_else(|| self.open::<S>())
    }

    #[cold]
    fn open<S: Default + Send + 'static>(&mut self) -> usize {
        let key = TypeId::of::<S>();
        let granted = self.grants.iter().find(|grant| grant.state() == key).map(|grant| grant.open(&self.identity));
        let value = granted.filter(|value| value.is::<S>()).unwrap_or_else(|| Box::<S>::default());
        self.slots.push(Slot { key, value });
        self.slots.len() - 1
    }

    /// The state at `index`, which [`Self::slot`] gave.
    fn state_at<S: Default + Send + 'static>(&mut self, index: usize, label: Option<Label>) -> View<'_, S> {
        #[expect(clippy::indexing_slicing, clippy::expect_used, reason = "the slot was just found or pushed, and its value is an `S`")]
        let state = self.slots[index].value.downcast_mut().expect("slots are keyed by their type");
        View { state, table: &mut self.table, label: label.map(|label| label.of(&self.labels)) }
    }
}

/// What every instance has of its own from its beginning.
fn beginning(limits: &Limits) -> (ResourceTable, Arc<Meter>, MemoryLimiter) {
    let mut table = ResourceTable::with_capacity(RESOURCES_AT_FIRST.min(limits.resources));
    table.set_max_capacity(limits.resources);
    let meter = Arc::new(Meter::new(limits.cpu));
    let limiter = MemoryLimiter::new(limits, Arc::clone(&meter));
    (table, meter, limiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_instance_keeps_its_labels() {
        let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
        let state = InstanceState::new(Arc::new(identity), Arc::new([]), Arc::new(Limits::default()));
        let mut state = state.with_labels(["cache", "sessions"].map(str::to_owned).into());
        state.renew();
        let label = |place| Label::at(place).unwrap().view::<()>();
        assert_eq!(label(1)(&mut state).label, Some("sessions"));
        assert_eq!(label(2)(&mut state).label, Some(""), "what is no label of the component is granted to nobody");
        assert_eq!(state.view::<()>().label, None);
        assert_eq!(Label::at(crate::LABELS_MAX), None);
    }
}
