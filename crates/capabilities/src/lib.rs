//! What a guest may ask of its host: a folder for each capability, listed in [`ALL`]. Folders do not import each other; what they
//! share stands beside them.

pub mod blobstore;
pub mod config;
pub mod egress;
pub mod http_client;
pub mod key_value;
pub mod logging;
pub mod messaging;
pub mod mqtt;
pub mod mysql;
pub mod postgres;
pub mod redis;
pub mod resolver;
pub mod sqlite;
pub mod variables;
pub mod wasi;

mod backend;
mod mqtt_session;
mod nats_connection;
mod redis_connection;
mod row_stream;
mod sqlite_file;
mod tls;

mod unavailable;

pub use unavailable::{UNAVAILABLE, UNAVAILABLE_GRANTS, is_unavailable};

use coracle_engine::{Bind, BindError, Capability, Generation, Grant, GrantError, GrantRequest, InstanceState};
use wasmtime::component::Linker;

/// Every capability of the host. Those whose bindings others need come first.
pub const ALL: &[&dyn Capability] = &[
    &variables::Variables,
    &config::Config,
    &wasi::Wasi,
    &logging::Logging,
    &http_client::HttpClient,
    &redis::Redis,
    &key_value::KeyValue,
    &sqlite::Sqlite,
    &postgres::Postgres,
    &mysql::Mysql,
    &blobstore::Blobstore,
    &mqtt::Mqtt,
    &messaging::Messaging,
];

/// A linker that answers every interface of [`ALL`].
///
/// # Errors
/// When two capabilities define the same interface.
pub fn linker(engine: &wasmtime::Engine, generation: Generation) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    for capability in ALL {
        capability.link(&mut linker, generation)?;
    }
    Ok(linker)
}

/// Lets every capability read its part of the runtime configuration.
///
/// # Errors
/// The first [`BindError`] of any capability, and one for a table of Spin's that this version cannot follow.
pub fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    ALL.iter().try_for_each(|capability| capability.bind(bind))?;
    unavailable::refuse_tables(bind.config)
}

/// Checks what a component's manifest grants, with every capability.
///
/// # Errors
/// The first [`GrantError`] of any capability.
pub fn grants(request: &GrantRequest<'_>) -> Result<Vec<Box<dyn Grant>>, GrantError> {
    let asked = ALL.iter().map(|capability| capability.grant(request));
    asked.filter_map(Result::transpose).collect()
}

/// Gives a reused instance the counts and limits of a new invocation.
pub fn begin_invocation(instance: &mut InstanceState) {
    instance.begin_invocation();
    ALL.iter().for_each(|capability| capability.renew(instance));
    if let Some(calls) = instance.opened::<egress::Calls>() {
        calls.reset();
    }
}
