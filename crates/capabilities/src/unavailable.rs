//! Interfaces that guests of wasmCloud import and that this version cannot answer. SDKs make guests import whole worlds, used or not, so a
//! component that imports one of these loads, and each call of it is denied.

use coracle_engine::{Import, Interface};

/// The interfaces, in the versions that are met.
pub const UNAVAILABLE: &[Interface] = &[at("wasmcloud:bus/error", &["2.0.1"]), at("wasmcloud:identity/store", &["0.0.1"])];

const fn at(name: &'static str, versions: &'static [&'static str]) -> Interface {
    Interface { name, versions, granted_by: None }
}

/// Whether `import` is one of [`UNAVAILABLE`].
#[must_use]
pub fn is_unavailable(import: &Import) -> bool {
    UNAVAILABLE.iter().any(|interface| interface.answers(&import.name, import.version.as_deref()))
}
