//! Messages to MQTT brokers that a guest names, as far as its allowed outbound hosts go. Brokers that the operator binds to a label are
//! reached through messaging instead.

mod config;
mod connection;
mod host;
mod limits;
mod state;

pub use limits::Limits;
pub use state::State;

use std::sync::Arc;

use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface,
};
use wasmtime::component::Linker;

use self::connection::OPERATIONS;
use self::state::{Granted, Shared};
use crate::egress::Policy;
use crate::operations::Operations;

const NAME: &str = "mqtt";

/// Messages to MQTT brokers.
pub struct Mqtt;

/// Why nothing was published. Guests get the texts of the last two.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The address names no MQTT broker.
    #[error("the address is none of an MQTT broker; write it as `mqtt://host:port`")]
    InvalidAddress,
    /// The instance, or the app, has as many connections as it may.
    #[error("too many connections are open")]
    TooManyConnections,
    /// The broker may not be reached, or is not there.
    #[error("{0}")]
    Connection(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Capability for Mqtt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn interfaces(&self) -> &'static [Interface] {
        const GRANTED_BY: Option<&str> = Some("outbound-hosts");
        &[
            Interface { name: "fermyon:spin/mqtt", versions: &["2.0.0"], granted_by: GRANTED_BY },
            Interface { name: "spin:mqtt/mqtt", versions: &["3.0.0"], granted_by: GRANTED_BY },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        config::bind(bind)
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        let policy = Policy::from_request(request)?;
        if policy.is_empty() {
            return Ok(None);
        }
        let shared = request.site.shared::<Shared>().unwrap_or_default();
        let operations = Arc::new(Operations::new(NAME, OPERATIONS, request.component));
        Ok(Some(Box::new(Granted { policy, shared, operations })))
    }

    fn renew(&self, instance: &mut InstanceState) {
        if let Some(state) = instance.opened::<State>() {
            state.renew();
        }
    }

    fn tables(&self) -> &'static [ConfigTable] {
        config::TABLES
    }

    fn bounds(&self) -> Vec<Bound> {
        Limits::default().bounds()
    }

    fn about(&self) -> About {
        About {
            summary: "Messages to MQTT brokers that the component names, acknowledged as their quality of service says.",
            example: "[component.sensor]\nallowed_outbound_hosts = [\"mqtt://broker.example.com:1883\"]",
            denied: "`open` answers `connection-failed` with `address … is not permitted`",
            backends: &[],
        }
    }
}
