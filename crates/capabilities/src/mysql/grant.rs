//! Which servers a component was allowed, and what one instance has open of them.

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity};

use super::Error;
use super::client::{Address, Clients, Server, Shared};
use super::config::Bindings;
use super::handle::{Bounds, OPERATIONS, Opening};
use crate::egress::{Policy, Route};
use crate::operations::Operations;

/// The MySQL state of one instance. By default it may reach nothing.
#[derive(Default)]
pub struct State {
    granted: Option<Arc<Granted>>,
    bounds: Bounds,
    open: u32,
}

/// What a component was allowed.
struct Granted {
    component: String,
    policy: Arc<Policy>,
    clients: Arc<Clients>,
    measured: Arc<Operations>,
}

struct Servers(Arc<Granted>);

impl State {
    /// Starts what is counted for each invocation anew.
    pub(super) fn renew(&mut self) {
        self.bounds.renew();
    }

    /// Begins to open a connection to `address`, and takes a place for it: give it back with [`State::close`].
    pub(super) fn begin_open(&mut self, address: &str) -> Result<Opening, Error> {
        let opening = self.begin(address)?;
        let open_max = self.bounds.limits.open_max;
        if self.open >= open_max {
            return Err(Error::TooManyOpen { open_max });
        }
        self.open = self.open.saturating_add(1);
        Ok(opening)
    }

    /// Begins to open a connection for one call.
    pub(super) fn begin(&mut self, address: &str) -> Result<Opening, Error> {
        let denied = || Error::NotPermitted(address.to_owned());
        let granted = self.granted.as_ref().ok_or_else(denied)?;
        let read = Address::parse(address)?;
        let Ok(Route::Network(clearance)) = granted.policy.route(read.destination.clone()) else { return Err(denied()) };
        self.bounds.count()?;
        let server = Server::new(&granted.clients, &granted.component, address, read, clearance);
        Ok(Opening::new(Arc::new(Shared(Arc::new(server))), self.bounds.clone()))
    }

    /// Gives the place of a connection back.
    pub(super) fn close(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

impl Grant for Servers {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        let Self(granted) = self;
        let bounds = Bounds::new(granted.clients.limits(), Arc::clone(&granted.measured));
        Box::new(State { granted: Some(Arc::clone(granted)), bounds, open: 0 })
    }
}

/// Looks up what a component's manifest asks for.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let policy = Policy::from_request(request)?;
    if policy.is_empty() {
        return Ok(None);
    }
    let bindings = request.site.shared::<Bindings>().unwrap_or_default();
    let component = request.component.to_owned();
    let measured = Arc::new(Operations::new("mysql", OPERATIONS, request.component));
    Ok(Some(Box::new(Servers(Arc::new(Granted { component, policy, clients: bindings.clients(), measured })))))
}
