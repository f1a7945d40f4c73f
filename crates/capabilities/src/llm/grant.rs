//! Which models a component was granted, and what one instance has asked of them.

use std::any::{Any, TypeId};
use std::collections::BTreeSet;
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity};

use super::GRANT;
use super::config::Bound;
use super::handle::{Handle, OPERATIONS};
use crate::operations::Operations;

/// The models of one instance. By default it has none.
#[derive(Default)]
pub struct State(Option<Handle>);

struct Granted {
    models: Arc<BTreeSet<String>>,
    bound: Arc<Bound>,
    operations: Arc<Operations>,
}

impl State {
    /// An instance that may ask `handle`.
    pub(super) fn of(handle: Handle) -> Self {
        Self(Some(handle))
    }

    /// What the instance may ask; `None` without a grant.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.0.clone()
    }

    /// Gives the next invocation its own calls.
    pub(super) fn renew(&self) {
        if let Some(handle) = &self.0 {
            handle.renew();
        }
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State::of(Handle::new(Arc::clone(&self.models), Arc::clone(&self.bound), Arc::clone(&self.operations))))
    }

    fn describe(&self) -> Vec<String> {
        self.models.iter().map(|model| format!("{model} → {}", self.bound.place)).collect()
    }
}

/// Reads what a component's manifest asks for.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let models: BTreeSet<String> = request.strings(GRANT)?.into_iter().collect();
    if models.is_empty() {
        return Ok(None);
    }
    let operations = Arc::new(Operations::new(GRANT, OPERATIONS, request.component));
    Ok(Some(Box::new(Granted { models: Arc::new(models), bound: Bound::of(request.site), operations })))
}
