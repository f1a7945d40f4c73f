//! Which servers a component was allowed, and what one instance has open of them.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity};

use super::client::{Address, Clients, Roots, Server, Shared};
use super::config::Bindings;
use super::handle::{Bounds, OPERATIONS, Opening, Own};
use super::{Database, Error, GRANT};
use crate::backend::Connector;
use crate::egress::{Policy, Route};
use crate::operations::Operations;

/// The PostgreSQL state of one instance. By default it may reach nothing.
#[derive(Default)]
pub struct State {
    granted: Option<Arc<Granted>>,
    bounds: Bounds,
    open: u32,
    /// What wasmCloud's interfaces work with, which know no connections: one for the instance, so that a transaction is one.
    pub(super) own: Arc<Own>,
    /// Statements that wasmCloud's interfaces prepared, by their tokens.
    pub(super) prepared: BTreeMap<String, String>,
}

/// What a component was allowed.
struct Granted {
    component: String,
    policy: Arc<Policy>,
    clients: Arc<Clients>,
    measured: Arc<Operations>,
    labels: BTreeMap<String, Arc<Labelled>>,
}

/// A database that the operator bound to a label.
pub(super) struct Labelled {
    pub(super) place: String,
    pub(super) database: Arc<dyn Database>,
}

struct Servers(Arc<Granted>);

impl State {
    /// Starts what is counted for each invocation anew.
    pub(super) fn renew(&mut self) {
        self.bounds.renew();
    }

    /// Keeps `statement`, and answers the token that it is run by.
    pub(super) fn keep_prepared(&mut self, statement: String) -> Result<String, Error> {
        let max = self.bounds.limits.prepared_max;
        if self.prepared.len() >= usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(Error::TooManyOpen { what: "prepared statements", max });
        }
        let token = format!("statement-{}", self.prepared.len());
        self.prepared.insert(token.clone(), statement);
        Ok(token)
    }

    /// Begins to open a connection to `address`, whose server `roots` have to vouch for, and takes a place for it: give it back with
    /// [`State::close`].
    pub(super) fn begin_open(&mut self, address: &str, roots: Option<Roots>) -> Result<Opening, Error> {
        let opening = self.begin(address, roots)?;
        let max = self.bounds.limits.open_max;
        if self.open >= max {
            return Err(Error::TooManyOpen { what: "connections", max });
        }
        self.open = self.open.saturating_add(1);
        Ok(opening)
    }

    /// Begins to open a connection for one call.
    pub(super) fn begin(&mut self, address: &str, roots: Option<Roots>) -> Result<Opening, Error> {
        let denied = || Error::NotPermitted(address.to_owned());
        let granted = self.granted.as_ref().ok_or_else(denied)?;
        let read = Address::parse(address)?;
        let Ok(Route::Network(clearance)) = granted.policy.route(read.destination.clone()) else { return Err(denied()) };
        self.bounds.count()?;
        let way = (read, Connector::of_guest(clearance));
        let server = Server::new(&granted.clients, &granted.component, address, way, roots);
        Ok(Opening::new(Arc::new(Shared(Arc::new(server))), self.bounds.clone()))
    }

    /// Gives the place of a connection back.
    pub(super) fn close(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Begins to open a connection to the one database that the component was granted by label.
    pub(super) fn begin_labelled(&self) -> Result<Opening, Error> {
        let labels = self.granted.iter().flat_map(|granted| granted.labels.values());
        let mut labels = labels.map(|labelled| Arc::clone(&labelled.database));
        match (labels.next(), labels.next()) {
            (Some(database), None) => Ok(Opening::new(database, self.bounds.clone())),
            _ => Err(Error::AccessDenied),
        }
    }
}

impl Grant for Servers {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        let Self(granted) = self;
        let bounds = Bounds::new(granted.clients.limits(), Arc::clone(&granted.measured));
        Box::new(State { granted: Some(Arc::clone(granted)), bounds, ..State::default() })
    }

    fn describe(&self) -> Vec<String> {
        self.0.labels.iter().map(|(label, labelled)| format!("{label} → {}", labelled.place)).collect()
    }
}

/// Looks up what a component's manifest asks for: addresses, labels, or both.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let policy = Policy::from_request(request)?;
    let asked = request.strings(GRANT)?;
    if policy.is_empty() && asked.is_empty() {
        return Ok(None);
    }
    let bindings = request.site.shared::<Bindings>().unwrap_or_default();
    let refused = |message, remedy| GrantError::Refused { component: request.component.to_owned(), message, remedy };
    // The interface names no label, so that there can be but one.
    if asked.len() > 1 {
        return Err(refused("several databases are granted under `postgres`".to_owned(), "keep one".to_owned()));
    }
    let labelled = asked.into_iter().map(|label| match bindings.database(&label, request.component) {
        Some(labelled) => Ok((label, labelled)),
        None => Err(refused(
            format!("the PostgreSQL database `{label}` has no backend"),
            format!("add `[postgres.{label}]` to the runtime configuration"),
        )),
    });
    let labels = labelled.collect::<Result<_, _>>()?;
    let component = request.component.to_owned();
    let measured = Arc::new(Operations::new(GRANT, OPERATIONS, request.component));
    Ok(Some(Box::new(Servers(Arc::new(Granted { component, policy, clients: bindings.clients(), measured, labels })))))
}
