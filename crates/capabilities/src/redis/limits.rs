//! The bounds of connections to Redis.

use std::time::Duration;

use coracle_engine::Bound;

/// What an instance may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections that an instance has open at once.
    pub connections_max: u32,
    /// Commands of one invocation.
    pub operations_max: u32,
    /// One command with its arguments.
    pub command_bytes_max: usize,
    /// One answer, as it comes from the server.
    pub answer_bytes_max: usize,
    /// The parts of one answer; each takes far more memory than its bytes.
    pub answer_elements_max: usize,
    /// How long a command may take, with the wait for the one before it on the same connection.
    pub operation_time_max: Duration,
    /// How long a connection may wait for its place among those of the app.
    pub wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 32,
            operations_max: 1_000,
            command_bytes_max: 16 << 20,
            answer_bytes_max: 16 << 20,
            answer_elements_max: 1 << 20,
            operation_time_max: Duration::from_secs(15),
            wait_max: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::count("connections open in an instance", self.connections_max.into()),
            Bound::count("commands of one invocation", self.operations_max.into()),
            Bound::bytes("a command with its arguments", self.command_bytes_max as u64),
            Bound::bytes("an answer", self.answer_bytes_max as u64),
            Bound::count("parts of an answer", self.answer_elements_max as u64),
            Bound::time("a command", self.operation_time_max),
            Bound::time("the wait for one of the app's connections", self.wait_max),
        ]
    }
}
