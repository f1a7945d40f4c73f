//! The bounds of key-value stores. Spin has none but 128 MiB for an answer; these are lower so that one guest cannot fill the host.

use std::time::Duration;

use coracle_engine::Bound;

/// What an instance may ask of its stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest key.
    pub key_bytes_max: usize,
    /// The largest value.
    pub value_bytes_max: usize,
    /// The keys and values of one answer together, and all that an instance's compare-and-swaps remember.
    pub result_bytes_max: usize,
    /// Operations of one invocation; each key of a batch counts.
    pub operations_max: u32,
    /// Stores that an instance has open at once.
    pub open_max: u32,
    /// Keys in one page of a listing.
    pub page_keys_max: usize,
    /// How long a value may last that ends by itself.
    pub lifetime_ms_max: u64,
}

/// Ten years of milliseconds, which every backend can count.
const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes_max: 512,
            value_bytes_max: 16 << 20,
            result_bytes_max: 16 << 20,
            operations_max: 1_000,
            open_max: 256,
            page_keys_max: 1_000,
            lifetime_ms_max: TEN_YEARS_MS,
        }
    }
}

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::bytes("a key", self.key_bytes_max as u64),
            Bound::bytes("a value", self.value_bytes_max as u64),
            Bound::bytes("keys and values of one answer", self.result_bytes_max as u64),
            Bound::count("operations of one invocation, each key of a batch counting", self.operations_max.into()),
            Bound::count("stores open in an instance", self.open_max.into()),
            Bound::count("keys in one page of a listing", self.page_keys_max as u64),
            Bound::time("how long a value lasts that ends by itself", Duration::from_millis(self.lifetime_ms_max)),
        ]
    }
}
