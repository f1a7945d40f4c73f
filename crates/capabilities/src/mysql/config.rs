//! What the runtime configuration says: `[outbound_mysql]`.

use std::sync::Arc;

use coracle_engine::{Bind, BindError};
use serde::Deserialize;

use super::Limits;
use super::client::Clients;

/// Connections that an app has altogether, unless the operator says otherwise.
const CONNECTIONS_MAX: usize = 64;

/// What the app's components share.
pub(super) struct Bindings(Arc<Clients>);

/// The table `[outbound_mysql]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    #[serde(rename = "max_connections")]
    connections_max: Option<usize>,
}

impl Default for Bindings {
    fn default() -> Self {
        Self(Arc::new(Clients::new(CONNECTIONS_MAX, Limits::default())))
    }
}

impl Bindings {
    pub(super) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.0)
    }
}

/// Reads the configuration.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let table: Table = bind.config.take_as("outbound_mysql")?.unwrap_or_default();
    let clients = Clients::new(table.connections_max.unwrap_or(CONNECTIONS_MAX), Limits::default());
    bind.site.share(Arc::new(Bindings(Arc::new(clients))));
    Ok(())
}
