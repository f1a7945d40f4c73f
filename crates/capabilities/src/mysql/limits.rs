//! The bounds of MySQL.

use std::time::Duration;

/// What instances may ask of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The values of one result together; of one row where rows are streamed.
    pub result_bytes_max: usize,
    /// One message of a server, which is at most a row.
    pub message_bytes_max: usize,
    /// The text of one statement with its parameters.
    pub statement_bytes_max: usize,
    /// How long a statement runs, and how long the next row may take.
    pub statement_time_max: Duration,
    /// How long a server may take to accept a connection, and to let somebody in.
    pub connect_time_max: Duration,
    /// How long a call waits for a connection to come free.
    pub wait_max: Duration,
    /// How long a session may take to be made ready for its next user.
    pub reset_time_max: Duration,
    /// Statements and connections of one invocation.
    pub operations_max: u32,
    /// Connections that an instance has open at once.
    pub open_max: u32,
    /// Statements that a connection keeps prepared.
    pub statements_kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            result_bytes_max: 8 << 20,
            message_bytes_max: 16 << 20,
            statement_bytes_max: 16 << 20,
            statement_time_max: Duration::from_secs(30),
            connect_time_max: Duration::from_secs(5),
            wait_max: Duration::from_secs(5),
            reset_time_max: Duration::from_secs(5),
            operations_max: 1_000,
            open_max: 64,
            statements_kept: 64,
        }
    }
}
