//! Which brokers and subjects a component was granted, and what one instance has used up.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coracle_engine::{Grant, GrantError, GrantRequest, Identity, Linkable, Links};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::Bindings;
use super::handle::{OPERATIONS, Outlet};
use super::subject::Pattern;
use super::{Broker, Error, GRANT, Limits};
use crate::operations::Operations;

/// The interface whose link decides to which broker a message goes.
const LINKED: &str = "wasmcloud:messaging/consumer";

/// The messaging state of one instance. By default it may write to nobody.
#[derive(Default)]
pub struct State {
    outlets: Outlets,
    links: Links,
    budget: Arc<Budget>,
}

/// A label that a component was granted.
pub(super) struct Granted {
    pub(super) label: String,
    pub(super) place: String,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) limits: Limits,
}

/// A label, and the subjects of it.
pub(super) struct Allowed {
    pub(super) granted: Arc<Granted>,
    pub(super) subjects: Vec<Pattern>,
}

/// What an instance has used up. The default has nothing left.
#[derive(Debug)]
pub(super) struct Budget {
    messages: AtomicU32,
    in_flight: Arc<Semaphore>,
    held: Arc<Semaphore>,
    pub(super) operations: Arc<Operations>,
}

/// What is left of what an instance may hold in messages.
pub(super) struct Room(Arc<Semaphore>);

/// In what units held messages are counted.
const HELD_UNIT_BYTES: usize = 1 << 10;

/// The labels of a component in the order of its manifest.
type Outlets = Arc<[Arc<Allowed>]>;

struct Given {
    outlets: Outlets,
    operations: Arc<Operations>,
}

impl State {
    /// The way to `label`, or to the first one where the guest names none, if its subjects include `subject`.
    pub(super) fn outlet(&self, label: Option<&str>, subject: &str) -> Result<Outlet, Error> {
        let is_meant = |allowed: &&Arc<Allowed>| label.is_none_or(|label| allowed.granted.label == label) && allowed.includes(subject);
        let allowed = self.outlets.iter().find(is_meant).ok_or(Error::AccessDenied)?;
        Ok(Outlet::new(Arc::clone(allowed), Arc::clone(&self.budget)))
    }

    /// The same for guests of wasmCloud 1: where they chose a link, to its label. An import under a label follows no link.
    pub(super) fn linked(&self, label: Option<&str>, subject: &str) -> Result<Outlet, Error> {
        match self.links.chosen(LINKED) {
            Some(link) if label.is_none() => self.find(link).ok_or_else(|| Error::NoLink(link.to_owned())),
            _ => self.outlet(label, subject),
        }
    }

    /// The way to a label by its name.
    pub(super) fn labelled(&self, label: &str) -> Result<Outlet, Error> {
        self.find(label).ok_or(Error::AccessDenied)
    }

    fn find(&self, label: &str) -> Option<Outlet> {
        let allowed = self.outlets.iter().find(|allowed| allowed.granted.label == label)?;
        Some(Outlet::new(Arc::clone(allowed), Arc::clone(&self.budget)))
    }

    /// What the instance may link.
    pub(super) fn linkable(&mut self) -> Linkable<'_> {
        let Self { outlets, links, .. } = self;
        Linkable { interfaces: &[LINKED], labels: outlets.iter().map(|allowed| allowed.granted.label.clone()).collect(), links }
    }

    /// The right to hold a message with a body of `bytes`, or a client, as a resource.
    pub(super) fn hold(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let held = self.room().take(bytes.saturating_add(self.limits().header_bytes_max));
        held.map_err(|full| if self.outlets.is_empty() { Error::AccessDenied } else { full })
    }

    /// What is left of what the instance may hold.
    pub(super) fn room(&self) -> Room {
        Room(Arc::clone(&self.budget.held))
    }

    /// The bounds of one message.
    pub(super) fn limits(&self) -> Limits {
        self.outlets.first().map(|allowed| allowed.granted.limits.clone()).unwrap_or_default()
    }

    /// Gives the next invocation its own messages and links.
    pub(super) fn renew(&mut self) {
        self.budget.messages.store(0, Relaxed);
        self.links.clear();
    }
}

impl Room {
    /// Takes room for `bytes`.
    pub(super) fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let units = u32::try_from(bytes.div_ceil(HELD_UNIT_BYTES)).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.0).try_acquire_many_owned(units);
        taken.map_err(|_| Error::Quota("too much is held in messages; drop some"))
    }

    /// Takes as much more as `taken` lacks for `bytes`.
    pub(super) fn extend(&self, taken: &mut OwnedSemaphorePermit, bytes: usize) -> Result<(), Error> {
        let had = taken.num_permits().saturating_mul(HELD_UNIT_BYTES);
        taken.merge(self.take(bytes.saturating_sub(had))?);
        Ok(())
    }
}

impl Allowed {
    pub(super) fn includes(&self, subject: &str) -> bool {
        self.subjects.iter().any(|pattern| pattern.matches(subject))
    }
}

impl Default for Budget {
    fn default() -> Self {
        let nothing = || Arc::new(Semaphore::new(0));
        Self { messages: AtomicU32::new(u32::MAX), in_flight: nothing(), held: nothing(), operations: Arc::default() }
    }
}

impl Budget {
    fn new(limits: &Limits, operations: Arc<Operations>) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits));
        Self {
            messages: AtomicU32::new(0),
            in_flight: semaphore(limits.in_flight_max),
            held: semaphore(limits.held_bytes_max / HELD_UNIT_BYTES),
            operations,
        }
    }

    /// Counts one more message, and takes the right to have it under way.
    pub(super) fn enter(&self, messages_max: u32) -> Result<OwnedSemaphorePermit, Error> {
        let one_more = |messages: u32| messages.checked_add(1).filter(|messages| *messages <= messages_max);
        let too_many = Error::Quota("too many messages in one invocation; send the rest in another");
        self.messages.fetch_update(Relaxed, Relaxed, one_more).map_err(|_| too_many)?;
        Arc::clone(&self.in_flight).try_acquire_owned().map_err(|_| Error::Quota("too many messages are under way; wait for some"))
    }
}

impl Grant for Given {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        let budget = |allowed: &Arc<Allowed>| Budget::new(&allowed.granted.limits, Arc::clone(&self.operations));
        let budget = self.outlets.first().map(budget).unwrap_or_default();
        Box::new(State { outlets: Arc::clone(&self.outlets), links: Links::default(), budget: Arc::new(budget) })
    }

    fn describe(&self) -> Vec<String> {
        let line = |allowed: &Arc<Allowed>| {
            let subjects = allowed.subjects.iter().map(|pattern| format!("`{pattern}`")).collect::<Vec<_>>().join(", ");
            format!("{} → {}, subjects {subjects}", allowed.granted.label, allowed.granted.place)
        };
        self.outlets.iter().map(line).collect()
    }
}

/// Looks up what a component's manifest asks for: labels, or a table of labels and their subjects.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let shape = || GrantError::Shape {
        component: request.component.to_owned(),
        key: GRANT,
        expected: "a list of labels, or a table of labels with the list of their subjects",
    };
    let asked: Vec<(String, Vec<Pattern>)> = match request.get(GRANT) {
        None => return Ok(None),
        Some(Value::Object(table)) => {
            let entry = |(label, subjects): (&String, &Value)| Ok((label.clone(), patterns(request, subjects, shape)?));
            // By name: not every reader of a manifest keeps the order of a table.
            table.iter().map(entry).collect::<Result<BTreeMap<_, _>, _>>()?.into_iter().collect()
        }
        Some(Value::Array(_)) => request.strings(GRANT)?.into_iter().map(|label| (label, vec![Pattern::all()])).collect(),
        Some(_) => return Err(shape()),
    };
    if asked.is_empty() {
        return Ok(None);
    }
    let bindings = request.site.shared::<Bindings>().unwrap_or_default();
    let allowed = asked.into_iter().map(|(label, subjects)| match bindings.get(&label) {
        Some(granted) => Ok(Arc::new(Allowed { granted, subjects })),
        None => Err(GrantError::Refused {
            component: request.component.to_owned(),
            message: format!("the broker `{label}` has no backend"),
            remedy: format!("add `[messaging.{label}]` to the runtime configuration"),
        }),
    });
    let outlets = allowed.collect::<Result<_, _>>()?;
    Ok(Some(Box::new(Given { outlets, operations: Arc::new(Operations::new(GRANT, OPERATIONS, request.component)) })))
}

fn patterns(request: &GrantRequest<'_>, subjects: &Value, shape: impl Fn() -> GrantError) -> Result<Vec<Pattern>, GrantError> {
    let pattern = |subject: &Value| {
        let text = subject.as_str().ok_or_else(&shape)?;
        Pattern::parse(text).ok_or_else(|| GrantError::Refused {
            component: request.component.to_owned(),
            message: format!("`{text}` is no pattern of subjects"),
            remedy: "write names with dots in between, `*` for any one, and `>` for any at the end".to_owned(),
        })
    };
    subjects.as_array().ok_or_else(&shape)?.iter().map(pattern).collect()
}
