//! The bounds of MQTT. Two of them stand in the runtime configuration.

use std::time::Duration;

use coracle_engine::Bound;

/// What an app, and an instance of it, may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections of the whole app at once.
    pub connections_max: usize,
    /// The largest message.
    pub payload_bytes_max: usize,
    /// Connections of one instance at once.
    pub open_max: usize,
    /// Messages of one invocation.
    pub messages_max: u32,
    /// How long somebody waits for one of the app's connections.
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
