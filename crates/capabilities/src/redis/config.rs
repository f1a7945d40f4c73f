//! What the components of one app share: the connections, how many there may be (`[outbound_redis]` of the runtime configuration, as
//! in Spin), and the roots that are trusted.

use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::{Bind, BindError};
use serde::Deserialize;

use super::Limits;
use super::pool::Pool;
use crate::tls::Trust;

/// The table of the runtime configuration.
const TABLE: &str = "outbound_redis";

/// Outgoing Redis of one app.
#[derive(Default)]
pub(super) struct Outbound {
    pub(super) pool: Arc<Pool>,
    pub(super) limits: Limits,
    /// Who vouches for servers of a guest's choice.
    pub(super) trust: Trust,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    /// Connections of the whole app at once; none is no bound.
    #[serde(rename = "max_connections")]
    connections_max: Option<usize>,
    /// Certificates to trust instead of the machine's.
    ca_roots_file: Option<PathBuf>,
}

/// Reads `[outbound_redis]`.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let table: Table = bind.config.take_as(TABLE)?.unwrap_or_default();
    let trust = Trust::read(bind.config, TABLE, table.ca_roots_file.as_deref())?;
    bind.site.share(Arc::new(Outbound { pool: Arc::new(Pool::new(table.connections_max)), limits: Limits::default(), trust }));
    Ok(())
}
