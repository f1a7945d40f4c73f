//! The bounds of MQTT: `[outbound_mqtt]` of the runtime configuration, which is Spin's, and what Spin has no key for.

use std::time::Duration;

use coracle_engine::Bound;
use serde::Deserialize;

/// What an app, and an instance of it, may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections of the whole app at once.
    #[serde(rename = "max_connections")]
    pub connections_max: usize,
    /// The largest message.
    #[serde(rename = "max_payload_size_bytes")]
    pub payload_bytes_max: usize,
    /// Connections of one instance at once.
    #[serde(skip)]
    pub open_max: usize,
    /// Messages of one invocation.
    #[serde(skip)]
    pub messages_max: u32,
    /// How long somebody waits for one of the app's connections.
    #[serde(skip)]
    pub wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_max: 256, payload_bytes_max: 10 << 20, open_max: 16, messages_max: 1_000, wait_max: Duration::from_secs(5) }
    }
}

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::count("connections of the app", self.connections_max as u64),
            Bound::count("connections of an instance", self.open_max as u64),
            Bound::bytes("a message", self.payload_bytes_max as u64),
            Bound::count("messages of one invocation", self.messages_max.into()),
            Bound::time("the wait for one of the app's connections", self.wait_max),
        ]
    }
}
