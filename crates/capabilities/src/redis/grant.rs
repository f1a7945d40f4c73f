//! Which servers a component may reach, and what one instance has open of them.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coracle_engine::{Grant, GrantError, GrantRequest, Identity};

use super::config::Outbound;
use super::handle::{Handle, OPERATIONS};
use super::pool::Key;
use super::{Error, NAME};
use crate::backend::Connector;
use crate::egress::{Policy, Route};
use crate::operations::Operations;
use crate::redis_connection::Address;

/// The Redis state of one instance. By default it reaches nothing.
#[derive(Default)]
pub struct State {
    granted: Option<Arc<Granted>>,
    open: Arc<AtomicU32>,
    operations: Arc<AtomicU32>,
}

/// What the instances of a component share.
pub(super) struct Granted {
    policy: Arc<Policy>,
    pub(super) outbound: Arc<Outbound>,
    component: String,
    pub(super) measured: Operations,
}

struct Servers(Arc<Granted>);

/// A place among the connections of an instance.
pub(super) struct Place(Arc<AtomicU32>);

/// A connection that may be opened.
pub(super) struct Opening {
    pub(super) granted: Arc<Granted>,
    pub(super) address: Address,
    pub(super) key: Arc<Key>,
    pub(super) operations: Arc<AtomicU32>,
    connector: Connector,
    place: Place,
}

impl State {
    /// Decides on an address. [`Opening::finish`] connects.
    pub(super) fn begin_open(&self, address: &str) -> Result<Opening, Error> {
        let granted = self.granted.as_ref().ok_or(Error::InvalidAddress)?;
        let parsed = Address::parse(address).map_err(|error| {
            tracing::debug!(component = granted.component, "an address of Redis is not understood: {error}");
            Error::InvalidAddress
        })?;
        let Ok(Route::Network(clearance)) = granted.policy.route(parsed.destination.clone()) else { return Err(Error::InvalidAddress) };
        let connections_max = granted.outbound.limits.connections_max;
        let one_more = |open: u32| (open < connections_max).then_some(open + 1);
        self.open.fetch_update(Relaxed, Relaxed, one_more).map_err(|_| Error::TooManyConnections)?;
        Ok(Opening {
            granted: Arc::clone(granted),
            address: parsed,
            key: Arc::new(Key { component: granted.component.clone(), address: address.to_owned() }),
            operations: Arc::clone(&self.operations),
            connector: Connector::of_guest(clearance),
            place: Place(Arc::clone(&self.open)),
        })
    }

    /// Gives the next invocation its own operations.
    pub(super) fn renew(&self) {
        self.operations.store(0, Relaxed);
    }
}

impl Opening {
    /// Connects.
    pub(super) async fn finish(self) -> Result<Handle, Error> {
        let Self { granted, address, key, operations, mut connector, place } = self;
        if address.is_tls {
            connector = connector.with_tls(granted.outbound.trust.config().await.ok_or(Error::Unreachable)?);
        }
        Handle::open(granted, address, key, operations, connector, place).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Grant for Servers {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { granted: Some(Arc::clone(&self.0)), ..State::default() })
    }
}

/// Looks up what a component's manifest allows. The start-up table shows it once, with the requests of HTTP.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let policy = Policy::from_request(request)?;
    if policy.is_empty() {
        return Ok(None);
    }
    let outbound = request.site.shared().unwrap_or_default();
    let measured = Operations::new(NAME, OPERATIONS, request.component);
    Ok(Some(Box::new(Servers(Arc::new(Granted { policy, outbound, component: request.component.to_owned(), measured })))))
}
