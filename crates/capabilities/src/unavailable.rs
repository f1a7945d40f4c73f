//! Interfaces that guests of Spin and wasmCloud import and that this version cannot answer. SDKs make guests import whole worlds, used or
//! not, so a component that imports one of these loads, and each call of it is denied.

use coracle_engine::{BindError, Import, Interface, RuntimeConfig};

/// The interfaces, in the versions that are met.
pub const UNAVAILABLE: &[Interface] = &[
    at("fermyon:spin/mqtt", &["2.0.0"]),
    at("fermyon:spin/mysql", &["2.0.0"]),
    at("fermyon:spin/mysql", &[]),
    at("fermyon:spin/postgres", &["2.0.0"]),
    at("fermyon:spin/postgres", &[]),
    at("fermyon:spin/redis", &["2.0.0"]),
    at("fermyon:spin/redis", &[]),
    at("spin:mqtt/mqtt", &["3.0.0"]),
    at("spin:mysql/mysql", &["3.0.0"]),
    at("spin:postgres/postgres", &["3.0.0", "4.2.0"]),
    at("spin:redis/redis", &["3.0.0"]),
    at("wasi:blobstore/blobstore", &["0.2.0-draft"]),
    at("wasi:blobstore/container", &["0.2.0-draft"]),
    at("wasi:blobstore/types", &["0.2.0-draft"]),
    at("wasmcloud:messaging/consumer", &["0.2.0"]),
];

/// What a manifest of Spin may grant for them. It is no mistake, and grants nothing.
pub const UNAVAILABLE_GRANTS: &[&str] = &[];

const fn at(name: &'static str, versions: &'static [&'static str]) -> Interface {
    Interface { name, versions, granted_by: None }
}

/// Whether `import` is one of [`UNAVAILABLE`].
#[must_use]
pub fn is_unavailable(import: &Import) -> bool {
    UNAVAILABLE.iter().any(|interface| interface.answers(&import.name, import.version.as_deref()))
}

/// Tables of Spin's runtime configuration for clients that this version cannot offer.
const TABLES: &[&str] = &["outbound_mqtt", "outbound_mysql", "outbound_pg", "outbound_redis"];

/// Tells a table that only this version lacks from one that is misspelt.
pub(crate) fn refuse_tables(config: &RuntimeConfig) -> Result<(), BindError> {
    match config.unused().into_iter().find(|key| TABLES.contains(&key.as_str())) {
        None => Ok(()),
        Some(table) => Err(BindError::Refused {
            message: format!("runtime configuration: `{table}` is for a client that this version does not have"),
            remedy: "remove the table".to_owned(),
        }),
    }
}
