//! Which stores a component was granted, and what one instance has open of them.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use coracle_engine::{DEFAULT_LABEL, Grant, GrantError, GrantRequest, Identity, Linkable, Links};
use parking_lot::Mutex;

use super::config::Bindings;
use super::handle::{Budget, Handle, OPERATIONS};
use super::{Cursor, Error, GRANT, Limits, Store};
use crate::operations::Operations;

/// Cursors that a label remembers for guests that hold them as numbers.
const CURSORS_KEPT: usize = 1_024;

/// The interface whose link `open` follows.
pub(super) const STORE: &str = "wasi:keyvalue/store";
pub(super) const ATOMICS: &str = "wasi:keyvalue/atomics";
pub(super) const BATCH: &str = "wasi:keyvalue/batch";

/// The key-value state of one instance. By default it has nothing.
#[derive(Default)]
pub struct State {
    labels: Labels,
    links: Links,
    budget: Arc<Budget>,
    open: u32,
    numbered: Vec<Option<Handle>>,
}

/// A label that a component was granted.
pub(super) struct Granted {
    pub(super) label: String,
    pub(super) place: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) limits: Limits,
    cursors: Cursors,
}

/// Cursors behind numbers, shared by all instances so that a number is still good in the next request.
#[derive(Default)]
struct Cursors {
    last: AtomicU64,
    kept: Mutex<VecDeque<(u64, Cursor)>>,
}

type Labels = Arc<BTreeMap<String, Arc<Granted>>>;

struct Stores {
    labels: Labels,
    operations: Arc<Operations>,
}

impl State {
    /// Opens the store behind `label`.
    pub(super) fn open(&mut self, label: &str) -> Result<Handle, Error> {
        let granted = self.labels.get(label).ok_or(Error::AccessDenied)?;
        if self.open >= granted.limits.open_max {
            return Err(Error::TableFull);
        }
        self.open += 1;
        Ok(Handle::new(Arc::clone(granted), Arc::clone(&self.budget)))
    }

    /// Opens the store behind `label` for guests of wasmCloud 1, to whom the default one is wherever the link of each interface leads.
    pub(super) fn open_linked(&mut self, label: &str) -> Result<Handle, Error> {
        if label != DEFAULT_LABEL {
            return self.open(label);
        }
        let label = self.meant(STORE)?.label.clone();
        Ok(self.open(&label)?.of_a_link())
    }

    /// The store that `handle` means in calls of `interface`.
    pub(super) fn linked(&self, handle: &Handle, interface: &str) -> Result<Handle, Error> {
        if handle.is_of_a_link() { Ok(handle.at(self.meant(interface)?)) } else { Ok(handle.clone()) }
    }

    /// The label where the link of `interface` leads.
    fn meant(&self, interface: &str) -> Result<&Arc<Granted>, Error> {
        match self.links.chosen(interface) {
            Some(link) => self.labels.get(link).ok_or_else(|| Error::NoLink(link.to_owned())),
            None => self.labels.get(DEFAULT_LABEL).ok_or(Error::AccessDenied),
        }
    }

    /// What the instance may link.
    pub(super) fn linkable(&mut self) -> Linkable<'_> {
        let Self { labels, links, .. } = self;
        Linkable { interfaces: &[STORE, ATOMICS, BATCH], labels: labels.keys().cloned().collect(), links }
    }

    /// Gives the next invocation its own operations and links. Stores that are open stay so, with the guest that holds them.
    pub(super) fn renew(&mut self) {
        self.budget.renew();
        self.links.clear();
    }

    /// Forgets one open store.
    pub(super) fn close(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Opens the store behind `label` for guests that hold stores as numbers.
    pub(super) fn open_numbered(&mut self, label: &str) -> Result<u32, Error> {
        let handle = self.open(label)?;
        let index = self.numbered.iter().position(Option::is_none).unwrap_or(self.numbered.len());
        match self.numbered.get_mut(index) {
            Some(place) => *place = Some(handle),
            None => self.numbered.push(Some(handle)),
        }
        u32::try_from(index).map_err(|_| Error::TableFull)
    }

    /// The open store with this number.
    pub(super) fn numbered(&self, number: u32) -> Option<Handle> {
        self.numbered.get(usize::try_from(number).ok()?)?.clone()
    }

    /// Closes the store with this number.
    pub(super) fn close_numbered(&mut self, number: u32) {
        let place = usize::try_from(number).ok().and_then(|index| self.numbered.get_mut(index));
        if place.and_then(Option::take).is_some() {
            self.close();
        }
    }
}

impl Granted {
    pub(super) fn new(label: String, place: String, store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { label, place, store, limits, cursors: Cursors::default() }
    }

    /// A number for `cursor`. The oldest number is forgotten when there are too many.
    pub(super) fn keep_cursor(&self, cursor: Cursor) -> u64 {
        let number = self.cursors.last.fetch_add(1, Relaxed).wrapping_add(1);
        let mut kept = self.cursors.kept.lock();
        if kept.len() >= CURSORS_KEPT {
            kept.pop_front();
        }
        kept.push_back((number, cursor));
        number
    }

    /// The cursor behind `number`.
    pub(super) fn kept_cursor(&self, number: u64) -> Result<Cursor, Error> {
        let kept = self.cursors.kept.lock();
        kept.iter().find(|(known, _)| *known == number).map(|(_, cursor)| cursor.clone()).ok_or(Error::Cursor)
    }
}

impl Grant for Stores {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        let budget = Arc::new(Budget::new(Arc::clone(&self.operations)));
        Box::new(State { labels: Arc::clone(&self.labels), budget, ..State::default() })
    }

    fn describe(&self) -> Vec<String> {
        self.labels.values().map(|granted| format!("{} → {}", granted.label, granted.place)).collect()
    }
}

/// Looks up what a component's manifest asks for.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let asked = request.strings(GRANT)?;
    if asked.is_empty() {
        return Ok(None);
    }
    let bindings = request.site.shared::<Bindings>().unwrap_or_default();
    let granted = asked.into_iter().map(|label| match bindings.get(&label) {
        Some(granted) => Ok((label, granted)),
        None => Err(GrantError::Refused {
            component: request.component.to_owned(),
            message: format!("the key-value store `{label}` has no backend"),
            remedy: format!("add `[key_value_store.{label}]` to the runtime configuration"),
        }),
    });
    let labels: BTreeMap<_, _> = granted.collect::<Result<_, _>>()?;
    let operations = Arc::new(Operations::new(GRANT, OPERATIONS, request.component));
    Ok(Some(Box::new(Stores { labels: Arc::new(labels), operations })))
}
