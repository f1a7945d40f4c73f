//! `[outbound_mqtt]` of the runtime configuration, whose bounds are Spin's.

use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable};
use serde::Deserialize;

use super::Limits;
use super::state::Shared;
use crate::tls::Trust;

/// The table of the runtime configuration.
const TABLE: &str = "outbound_mqtt";

/// What the reference page says of it.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[outbound_mqtt]",
    about: "How many connections the app may have at once, how large a message may be, and who vouches for brokers that are spoken to by \
            TLS; by default the machine's roots.",
    example: "[outbound_mqtt]\nmax_connections = 64\nmax_payload_size_bytes = 1048576\nca_roots_file = \"broker-ca.pem\"\n",
}];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    #[serde(rename = "max_connections")]
    connections_max: Option<usize>,
    #[serde(rename = "max_payload_size_bytes")]
    payload_bytes_max: Option<usize>,
    /// Certificates to trust instead of the machine's.
    ca_roots_file: Option<PathBuf>,
}

/// Reads the table.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let table: Table = bind.config.take_as(TABLE)?.unwrap_or_default();
    let usual = Limits::default();
    let limits = Limits {
        connections_max: table.connections_max.unwrap_or(usual.connections_max),
        payload_bytes_max: table.payload_bytes_max.unwrap_or(usual.payload_bytes_max),
        ..usual
    };
    let trust = Trust::read(bind.config, TABLE, table.ca_roots_file.as_deref())?;
    bind.site.share(Arc::new(Shared::new(limits, trust)));
    Ok(())
}
