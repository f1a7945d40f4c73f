//! One connection of a guest: its address checked against what the component may reach, and its messages bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;
use tracing::instrument;

use super::Error;
use super::state::{Budget, Shared, Slot, State};
use crate::backend::Connector;
use crate::egress::{Clearance, Destination, Policy, Refusal, Route};
use crate::mqtt_session::{Client, Login, MqttError, chosen_client_id};
use crate::operations::Operations;

/// The operations, as spans and metrics name them.
pub(super) const OPERATIONS: &[&str] = &["open_connection", "publish"];

/// The name of a session in the query of an address.
const CLIENT_ID: &str = "client_id";

/// An open connection. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Connection(Arc<Open>);

struct Open {
    client: Client,
    place: String,
    component: String,
    shared: Arc<Shared>,
    budget: Arc<Budget>,
    operations: Arc<Operations>,
    _slot: Slot,
}

/// What a guest asks for.
pub(super) struct Asked {
    pub(super) address: String,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) keep_alive: Duration,
}

impl Connection {
    /// Connects to the broker that the guest asks for, if it may.
    #[instrument(name = "spin_outbound_mqtt.open_connection", skip_all, fields(otel.kind = "client"))]
    pub(super) async fn open(opener: Opener, asked: Asked) -> Result<Self, Error> {
        let clearance = clear(&opener.policy, &asked.address)?;
        let _call = opener.calls.begin().await.map_err(|exhausted| Error::Other(exhausted.to_string()))?;
        let slot = opener.shared.slot(&opener.budget).await?;
        let place = clearance.destination().to_string();
        let is_secure = clearance.destination().scheme == "mqtts";
        let mut connector = Connector::of_guest(clearance);
        if is_secure {
            let config = opener.shared.trust.config().await;
            connector = connector.with_tls(config.ok_or_else(|| Error::Other("TLS cannot be set up".to_owned()))?);
        }
        let client_id = client_id(&asked.address).unwrap_or_else(chosen_client_id);
        let is_named = !asked.username.is_empty() || !asked.password.is_empty();
        let user = is_named.then_some((asked.username, asked.password));
        let client = Client::new(connector, Login { client_id, user, keep_alive: asked.keep_alive });
        let Opener { component, shared, budget, operations, .. } = opener;
        let open = Open { client, place, component, shared, budget, operations, _slot: slot };
        open.told(open.operations.measure("open_connection", open.client.connect()).await)?;
        Ok(Self(Arc::new(open)))
    }

    /// Publishes one message and waits for its acknowledgement.
    #[instrument(name = "spin_outbound_mqtt.publish", skip_all, fields(otel.kind = "producer", messaging.system = "mqtt", messaging.operation = "publish"))]
    pub(super) async fn publish(&self, topic: &str, payload: Vec<u8>, qos: QoS) -> Result<(), Error> {
        let Open { client, shared, budget, operations, .. } = &*self.0;
        budget.count(shared.limits.messages_max)?;
        let bytes_max = shared.limits.payload_bytes_max;
        if payload.len() > bytes_max {
            return Err(Error::Other(format!("payload of {} bytes exceeds the limit of {bytes_max} bytes", payload.len())));
        }
        self.0.told(operations.measure("publish", client.publish(topic, Bytes::from(payload), qos)).await)
    }
}

/// What opening a connection needs of an instance.
pub(super) struct Opener {
    policy: Arc<Policy>,
    shared: Arc<Shared>,
    budget: Arc<Budget>,
    calls: crate::egress::Calls,
    operations: Arc<Operations>,
    component: String,
}

impl Opener {
    pub(super) fn of(state: &State) -> Self {
        Self {
            policy: Arc::clone(&state.policy),
            shared: Arc::clone(&state.shared),
            budget: Arc::clone(&state.budget),
            calls: state.calls.clone(),
            operations: Arc::clone(&state.operations),
            component: state.component.clone(),
        }
    }
}

impl Open {
    /// Tells the operator why something failed; the guest learns the kind of failure.
    fn told(&self, result: Result<(), MqttError>) -> Result<(), Error> {
        let Err(error) = result else { return Ok(()) };
        let kind = error.to_string();
        if matches!(error, MqttError::Topic(_) | MqttError::TooLarge) {
            return Err(Error::Other(kind));
        }
        tracing::warn!(component = self.component, place = self.place, "MQTT failed: {}", coracle_base::chain(&error));
        Err(Error::Connection(kind))
    }
}

/// Checks an address against what the component may reach.
fn clear(policy: &Policy, address: &str) -> Result<Clearance, Error> {
    let destination = Destination::parse(address, "mqtt").map_err(|_| Error::InvalidAddress)?;
    let scheme = destination.scheme.clone();
    match policy.route(destination) {
        Ok(Route::Network(clearance)) if matches!(scheme.as_str(), "mqtt" | "mqtts") => Ok(clearance),
        Ok(_) => Err(Error::InvalidAddress),
        Err(Refusal::NotAllowed(_) | Refusal::Blocked(_)) => Err(Error::Connection(format!("address {address} is not permitted"))),
        Err(_) => Err(Error::InvalidAddress),
    }
}

/// The name that an address gives the session, as in `mqtt://host?client_id=name`.
fn client_id(address: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let named = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == CLIENT_ID);
    named.map(|(_, name)| name.into_owned()).filter(|name| !name.is_empty())
}
