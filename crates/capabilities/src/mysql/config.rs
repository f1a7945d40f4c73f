//! What the runtime configuration says: `[outbound_mysql]`.

use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable};
use serde::Deserialize;

use super::Limits;
use super::client::Clients;
use crate::tls::Trust;

/// The table of the runtime configuration.
const TABLE: &str = "outbound_mysql";

/// What the reference page says of it.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[outbound_mysql]",
    about: "How many connections the app may have at once, and who vouches for servers that are spoken to by TLS; by default the machine's \
            roots.",
    example: "[outbound_mysql]\nmax_connections = 64\nca_roots_file = \"mysql-ca.pem\"\n",
}];

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
    /// Certificates to trust instead of the machine's.
    ca_roots_file: Option<PathBuf>,
}

impl Default for Bindings {
    fn default() -> Self {
        Self(Arc::new(Clients::new(CONNECTIONS_MAX, Limits::default(), Trust::default())))
    }
}

impl Bindings {
    pub(super) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.0)
    }
}

/// Reads the configuration.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let table: Table = bind.config.take_as(TABLE)?.unwrap_or_default();
    let trust = Trust::read(bind.config, TABLE, table.ca_roots_file.as_deref())?;
    let clients = Clients::new(table.connections_max.unwrap_or(CONNECTIONS_MAX), Limits::default(), trust);
    bind.site.share(Arc::new(Bindings(Arc::new(clients))));
    Ok(())
}
