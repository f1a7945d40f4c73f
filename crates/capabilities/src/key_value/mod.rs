//! Key-value stores. A guest opens a store by the label that it was granted; nothing here knows which backend answers, and no
//! backend knows which of the interfaces asked.

pub mod memory;
pub mod sqlite;

mod config;
mod grant;
mod handle;
mod host;
mod limits;
mod listing;
mod nats;
mod number;
mod ordered;
mod redis;
mod versioned;
mod writer;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod faults;

pub use config::preset;
pub use grant::State;
pub use limits::Limits;

use std::time::Duration;

use async_trait::async_trait;
use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, Import, InstanceState, Interface,
    Label, Labelled, Linkable,
};
use wasmtime::component::{Linker, LinkerInstance};

/// The key of this capability in a component's grants.
const GRANT: &str = "key-value";

/// The interface of both drafts that opens stores, and the version of the first.
const WASI_STORE: &str = "wasi:keyvalue/store";
const DRAFT: &str = "0.2.0-draft";

/// What a guest may see of a backend that is away, and of one that is slow.
const AWAY: &str = "the storage cannot be reached";
const LATE: &str = "the storage did not answer in time";

/// Key-value stores.
pub struct KeyValue;

/// One store behind a label. Writes are durable when they are acknowledged, as far as the backend is; each method is atomic.
#[async_trait]
pub trait Store: Send + Sync {
    /// The value of `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Makes `value` the value of `key`, without an end; so do [`Store::set_many`] and [`Store::swap`].
    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error>;

    /// The same on `terms`. Stale is a key that has a value and should have had none. Fails with [`Error::NoEnds`] where the backend cannot
    /// end a value.
    async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error>;

    /// Removes `key`; that it was absent is no error.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// Whether `key` has a value.
    async fn exists(&self, key: &str) -> Result<bool, Error>;

    /// Up to `keys_max` of the keys that begin with `prefix`, and where the next page starts. A key that is there throughout is listed
    /// exactly once; one that comes or goes meanwhile may be listed.
    async fn keys(&self, prefix: &str, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error>;

    /// Adds `delta` to the number at `key`, an absent one being 0, and answers the sum, which ends when the number would have. A number is
    /// eight bytes, little end first.
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error>;

    /// Makes `value` the value of `key` if its value still is `expected`, where `None` is a key without a value.
    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error>;

    /// The values of `keys`, in their order, from one moment where the backend has transactions. Fails with [`Error::ResultTooLarge`] where they are more than
    /// `bytes_max` together.
    async fn get_many(&self, keys: Vec<String>, bytes_max: usize) -> Result<Vec<Option<Vec<u8>>>, Error>;

    /// Sets all of `pairs`, or none of them where the backend has transactions.
    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error>;

    /// Removes all of `keys`, or none of them where the backend has transactions.
    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error>;
}

/// How a value is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long the value is there; `None` is for ever. A backend may round it up to what it counts in.
    pub lifetime: Option<Duration>,
    /// Whether it is set only where there is no value.
    pub only_absent: bool,
}

/// Some keys of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page starts; `None` after the last one.
    pub next: Option<Cursor>,
}

/// A place in a store's keys. Only the backend that made it knows what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// How a compare-and-swap ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The new value stands.
    Done,
    /// Somebody else changed the value first.
    Stale,
}

/// Why a store refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The instance has as many stores open as it may.
    #[error("too many stores are open")]
    TableFull,
    /// The component was not granted the label.
    #[error("access denied")]
    AccessDenied,
    /// The instance chose a link that the component was not granted.
    #[error("there is no link `{0}`; grant the component that label")]
    NoLink(String),
    /// A key is too long.
    #[error("key of {bytes} bytes exceeds the limit of {bytes_max} bytes")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A value is too large.
    #[error("value of {bytes} bytes exceeds the limit of {bytes_max} bytes")]
    ValueTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// An answer would be too large.
    #[error("query result exceeds limit of {bytes_max} bytes")]
    ResultTooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// The instance called more often than it may.
    #[error("more than {operations_max} key-value operations in one invocation; do the rest in another")]
    TooManyOperations {
        /// The bound.
        operations_max: u32,
    },
    /// A cursor was not made by this store, or is too old.
    #[error("the cursor is not one of this store's; list again from the start")]
    Cursor,
    /// A value that should be incremented is no number.
    #[error("the value is not a number of eight bytes, little end first; set it anew to count from there")]
    NotANumber,
    /// A time that a value should last is none.
    #[error("a value cannot last {ms} ms; give it from 1 to {ms_max}, or no time")]
    Lifetime {
        /// The time.
        ms: u64,
        /// The bound.
        ms_max: u64,
    },
    /// The backend cannot end a value by itself.
    #[error("this store keeps values until they are deleted; set them without a time")]
    NoEnds,
    /// A sum is out of range.
    #[error("the sum is out of range")]
    Overflow,
    /// The store has no room.
    #[error("the storage is full")]
    Full,
    /// The backend failed.
    #[error("{public}")]
    Backend {
        /// What a guest may see.
        public: &'static str,
        /// What an operator may see.
        internal: String,
    },
}

impl Capability for KeyValue {
    fn name(&self) -> &'static str {
        GRANT
    }

    fn interfaces(&self) -> &'static [Interface] {
        const fn interface(name: &'static str, versions: &'static [&'static str]) -> Interface {
            Interface { name, versions, granted_by: Some(GRANT) }
        }
        const DRAFTS: &[&str] = &[DRAFT, "0.2.0-draft2"];
        const WASMCLOUD: &[&str] = &["0.2.0"];
        const {
            &[
                interface("fermyon:spin/key-value", &[]),
                interface("fermyon:spin/key-value", &["2.0.0"]),
                interface("spin:key-value/key-value", &["3.0.0"]),
                interface(WASI_STORE, DRAFTS),
                interface("wasi:keyvalue/atomics", DRAFTS),
                interface("wasi:keyvalue/batch", DRAFTS),
                interface("wasmcloud:keyvalue/types", WASMCLOUD),
                interface("wasmcloud:keyvalue/store", WASMCLOUD),
                interface("wasmcloud:keyvalue/atomics", WASMCLOUD),
                interface("wasmcloud:keyvalue/cas", WASMCLOUD),
                interface("wasmcloud:keyvalue/batch", WASMCLOUD),
            ]
        }
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn labelled(&self) -> &'static [Labelled] {
        const { &[Labelled { name: WASI_STORE, is_required: false }, Labelled { name: "wasmcloud:keyvalue/store", is_required: false }] }
    }

    fn link_labelled(&self, linker: &mut LinkerInstance<'_, InstanceState>, import: &Import, label: Label) -> wasmtime::Result<()> {
        host::link_labelled(linker, import, label)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        config::bind(bind)
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        grant::grant(request)
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

    fn linkable<'i>(&self, instance: &'i mut InstanceState) -> Option<Linkable<'i>> {
        Some(instance.state::<State>().linkable())
    }

    fn about(&self) -> About {
        About {
            summary: "Stores of keys and values that outlive the instance, opened by label.",
            example: "[component.counter]\nkey_value_stores = [\"default\"]",
            denied: "`open` answers `access-denied`",
            backends: &["spin", "sqlite", "memory", "redis", "nats"],
        }
    }
}
