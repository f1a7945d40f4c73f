//! The bounds of blob stores.

use std::time::Duration;

use coracle_engine::Bound;

/// What an instance may ask of its stores, and how long one may take to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest object that is written.
    pub object_bytes_max: u64,
    /// The largest piece that is read at once instead of as a stream.
    pub piece_bytes_max: u64,
    /// What of a body waits for the store, for each object that is written.
    pub buffer_bytes_max: usize,
    /// What of a body waits to be told where it belongs.
    pub unaddressed_bytes_max: usize,
    /// Operations of one invocation; each object of `delete-objects` counts.
    pub operations_max: u32,
    /// Containers and listings that an instance has open at once.
    pub open_max: u32,
    /// Objects that an instance reads and writes at once.
    pub transfers_max: usize,
    /// Names in one page of a listing.
    pub page_names_max: usize,
    /// How long one operation, or one chunk of a body, may take.
    pub operation_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            object_bytes_max: 5 << 30,
            piece_bytes_max: 64 << 20,
            buffer_bytes_max: 1 << 20,
            unaddressed_bytes_max: 8 << 20,
            operations_max: 1_000,
            open_max: 256,
            transfers_max: 16,
            page_names_max: 1_000,
            operation_time_max: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::bytes("an object that is written", self.object_bytes_max),
            Bound::bytes("an object that is read at once instead of as a stream", self.piece_bytes_max),
            Bound::bytes("what of a body waits for the store", self.buffer_bytes_max as u64),
            Bound::bytes("what is written before `write-data`", self.unaddressed_bytes_max as u64),
            Bound::count("operations of one invocation", self.operations_max.into()),
            Bound::count("containers and listings open in an instance", self.open_max.into()),
            Bound::count("objects that an instance reads and writes at once", self.transfers_max as u64),
            Bound::time("an operation, and a chunk of a body", self.operation_time_max),
        ]
    }
}
