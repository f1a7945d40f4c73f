//! Which stores a component was granted, where its containers lie, and what one instance has open.

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity, Linkable, Links};

use super::config::Bindings;
use super::handle::{Budget, Container, OPERATIONS};
use super::name::check_container;
use super::{Error, GRANT, Limits, Store};
use crate::operations::Operations;

/// What stands between a label and a container.
const SEPARATOR: char = '/';

/// The interface whose link decides where unqualified containers lie, in wasmCloud also for calls of `container`.
const LINKED: &str = "wasi:blobstore/blobstore";

/// The blob state of one instance. By default it has nothing.
#[derive(Default)]
pub struct State {
    stores: Stores,
    links: Links,
    pub(super) budget: Arc<Budget>,
}

/// A label that a component was granted.
pub(super) struct Granted {
    pub(super) label: String,
    pub(super) place: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) limits: Limits,
}

/// The stores of a component, the one of its unqualified containers first.
type Stores = Arc<[Arc<Granted>]>;

struct Given {
    stores: Stores,
    operations: Arc<Operations>,
}

impl State {
    /// The container that `name` means, which need not be there: in the store that the guest imports under `label`; where it does not, in
    /// the store whose label is before a `/`, or in the first one.
    pub(super) fn container(&self, label: Option<&str>, name: &str) -> Result<Container, Error> {
        let (granted, within) = match (label, name.split_once(SEPARATOR)) {
            (Some(label), _) => (self.labelled(label), name),
            (None, Some((label, within))) => (self.labelled(label), within),
            (None, None) => (self.stores.first(), name),
        };
        let container = self.container_in(granted.ok_or(Error::AccessDenied)?, name, within)?;
        Ok(if label.is_some() { container.fixed() } else { container })
    }

    /// The same for guests of wasmCloud 1, whose unqualified containers lie where the link leads that they chose. An import under a label
    /// follows no link.
    pub(super) fn linked_container(&self, label: Option<&str>, name: &str) -> Result<Container, Error> {
        match self.links.chosen(LINKED) {
            Some(link) if label.is_none() && !name.contains(SEPARATOR) => {
                let granted = self.labelled(link).ok_or_else(|| Error::NoLink(link.to_owned()))?;
                self.container_in(granted, name, name)
            }
            _ => self.container(label, name),
        }
    }

    /// The container that `open` means now, of the same guests: one that is unqualified is wherever the link leads.
    pub(super) fn meant(&self, open: &Container) -> Result<Container, Error> {
        if open.is_fixed() { Ok(open.again()) } else { self.linked_container(None, open.name()) }
    }

    fn labelled(&self, label: &str) -> Option<&Arc<Granted>> {
        self.stores.iter().find(|granted| granted.label == label)
    }

    fn container_in(&self, granted: &Arc<Granted>, name: &str, within: &str) -> Result<Container, Error> {
        check_container(within)?;
        Ok(Container::new(Arc::clone(granted), Arc::clone(&self.budget), name.to_owned(), within.to_owned()))
    }

    /// What the instance may link.
    pub(super) fn linkable(&mut self) -> Linkable<'_> {
        let Self { stores, links, .. } = self;
        Linkable { interfaces: &[LINKED], labels: stores.iter().map(|granted| granted.label.clone()).collect(), links }
    }

    /// Gives the next invocation its own operations and links. What is open stays so, with the guest that holds it.
    pub(super) fn renew(&mut self) {
        self.budget.renew();
        self.links.clear();
    }
}

impl Grant for Given {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        let budget = |granted: &Arc<Granted>| Budget::new(&granted.limits, Arc::clone(&self.operations));
        let budget = self.stores.first().map(budget).unwrap_or_default();
        Box::new(State { stores: Arc::clone(&self.stores), links: Links::default(), budget: Arc::new(budget) })
    }

    fn describe(&self) -> Vec<String> {
        self.stores.iter().map(|granted| format!("{} → {}", granted.label, granted.place)).collect()
    }
}

/// Looks up what a component's manifest asks for.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let asked = request.strings(GRANT)?;
    if asked.is_empty() {
        return Ok(None);
    }
    let bindings = request.site.shared::<Bindings>().unwrap_or_default();
    let granted = asked.into_iter().map(|label| {
        bindings.get(&label).ok_or_else(|| GrantError::Refused {
            component: request.component.to_owned(),
            message: format!("the blob store `{label}` has no backend"),
            remedy: format!("add `[blob_store.{label}]` to the runtime configuration"),
        })
    });
    let stores = granted.collect::<Result<_, _>>()?;
    Ok(Some(Box::new(Given { stores, operations: Arc::new(Operations::new(GRANT, OPERATIONS, request.component)) })))
}
