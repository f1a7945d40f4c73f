//! What a guest may ask of its host: a folder for each capability, listed in [`ALL`]. Folders do not import each other; what they
//! share stands beside them.

pub mod blob_store;
pub mod bus;
pub mod config;
pub mod egress;
pub mod http_client;
pub mod key_value;
pub mod llm;
pub mod logging;
pub mod messaging;
pub mod mqtt;
pub mod mysql;
pub mod otel;
pub mod postgres;
pub mod redis;
pub mod resolver;
pub mod secrets;
pub mod sqlite;
pub mod variables;
pub mod wasi;

mod backend;
mod mqtt_session;

mod nats_connection;
mod operations;
mod redis_connection;
mod row_stream;
mod sqlite_file;
mod tls;

mod unavailable;

pub use unavailable::{UNAVAILABLE, is_unavailable};

use coracle_engine::{
    Bind, BindError, Capability, Generation, Grant, GrantError, GrantRequest, Import, InstanceState, Label, Labelled, Shape, Site,
};
use wasmtime::component::Linker;

/// Every capability of the host. Those whose bindings others need come first.
pub const ALL: &[&dyn Capability] = &[
    &variables::Variables,
    &config::Config,
    &secrets::Secrets,
    &wasi::Wasi,
    &logging::Logging,
    &otel::Otel,
    &http_client::HttpClient,
    &redis::Redis,
    &key_value::KeyValue,
    &sqlite::Sqlite,
    &postgres::Postgres,
    &mysql::Mysql,
    &blob_store::BlobStore,
    &mqtt::Mqtt,
    &messaging::Messaging,
    &bus::Bus,
    &llm::Llm,
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

/// The capability that answers imports of the interface of `import` under a label, and how.
#[must_use]
pub fn labelled(import: &Import) -> Option<(&'static dyn Capability, &'static Labelled)> {
    ALL.iter().find_map(|capability| Some((*capability, capability.labelled().iter().find(|labelled| labelled.name == import.name)?)))
}

/// Adds to `linker`, which is a component's own, what a component of this `shape` imports under labels. Instances of it need
/// [`InstanceState::with_labels`].
///
/// # Errors
/// When the linker has one of the labels already.
pub fn link_labelled(linker: &mut Linker<InstanceState>, shape: &Shape) -> wasmtime::Result<()> {
    for (place, (import, name)) in shape.labelled().enumerate() {
        // What is denied is answered elsewhere, and an import without an answer is refused when the component is linked.
        if let (false, Some((capability, _)), Some(label)) = (import.is_denied(), labelled(import), Label::at(place)) {
            capability.link_labelled(&mut linker.instance(name)?, import, label)?;
        }
    }
    Ok(())
}

/// Lets every capability read its part of the runtime configuration.
///
/// # Errors
/// The first [`BindError`] of any capability.
pub fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    ALL.iter().try_for_each(|capability| capability.bind(bind))
}

/// Waits for what must be known before an app starts: the values of its variables.
///
/// # Errors
/// [`BindError`] for a required variable without a value.
pub async fn settle(site: &Site) -> Result<(), BindError> {
    resolver::Resolver::settle(site).await
}

/// A grant with the capability that gives it.
pub type Granted = (&'static dyn Capability, Box<dyn Grant>);

/// Checks what a component's manifest grants, with every capability.
///
/// # Errors
/// The first [`GrantError`] of any capability.
pub fn granted(request: &GrantRequest<'_>) -> Result<Vec<Granted>, GrantError> {
    let asked = ALL.iter().map(|capability| Ok(capability.grant(request)?.map(|grant| (*capability, grant))));
    asked.filter_map(Result::transpose).collect()
}

/// The same, for who does not ask which capability gives what.
///
/// # Errors
/// As [`granted`].
pub fn grants(request: &GrantRequest<'_>) -> Result<Vec<Box<dyn Grant>>, GrantError> {
    Ok(granted(request)?.into_iter().map(|(_, grant)| grant).collect())
}

/// Gives a reused instance the counts and limits of a new invocation.
pub fn begin_invocation(instance: &mut InstanceState) {
    instance.begin_invocation();
    ALL.iter().for_each(|capability| capability.renew(instance));
    if let Some(calls) = instance.opened::<egress::Calls>() {
        calls.reset();
    }
}
