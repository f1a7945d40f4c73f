//! The bounds of SQLite databases.

use std::time::Duration;

use coracle_engine::Bound;

/// What instances may ask of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The values of one result together; of one row where rows are streamed.
    pub result_bytes_max: usize,
    /// The text of one statement.
    pub statement_bytes_max: usize,
    /// One value, and one row in the file.
    pub value_bytes_max: usize,
    /// How long a statement runs; while it waits for the guest to take a row does not count.
    pub statement_time_max: Duration,
    /// How long a statement waits for the one before it and for other connections.
    pub wait_max: Duration,
    /// Connections that an instance has open at once.
    pub connections_max: u32,
    /// Results that an instance streams at once; each holds a thread.
    pub streams_max: usize,
    /// Statements that run on one database at once; each holds a thread.
    pub running_max: usize,
    /// A database that is kept in a file.
    pub file_bytes_max: u64,
    /// A database that is kept in memory.
    pub memory_bytes_max: u64,
    /// The temporary tables of a connection, and each temporary database that it attaches.
    pub scratch_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            result_bytes_max: 8 << 20,
            statement_bytes_max: 1 << 20,
            value_bytes_max: 16 << 20,
            statement_time_max: Duration::from_secs(5),
            wait_max: Duration::from_secs(5),
            connections_max: 256,
            streams_max: 4,
            running_max: 32,
            file_bytes_max: 16 << 30,
            memory_bytes_max: 256 << 20,
            scratch_bytes_max: 256 << 20,
        }
    }
}

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::bytes("a result, or a row of one that is streamed", self.result_bytes_max as u64),
            Bound::bytes("the text of a statement", self.statement_bytes_max as u64),
            Bound::bytes("a value", self.value_bytes_max as u64),
            Bound::time("running one statement", self.statement_time_max),
            Bound::time("waiting for other connections", self.wait_max),
            Bound::count("connections open in an instance", self.connections_max.into()),
            Bound::count("results that an instance streams at once", self.streams_max as u64),
            Bound::count("statements that run on one database at once", self.running_max as u64),
            Bound::bytes("a database in a file", self.file_bytes_max),
            Bound::bytes("a database in memory", self.memory_bytes_max),
            Bound::bytes("temporary tables of a connection", self.scratch_bytes_max),
        ]
    }
}
