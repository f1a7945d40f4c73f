//! What the components of one app share: the connections, how many there may be (`[outbound_redis]` of the runtime configuration, as
//! in Spin), and the roots that are trusted.

use std::sync::Arc;

use coracle_engine::{Bind, BindError};
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::Limits;
use super::pool::Pool;
use crate::tls;

/// Outgoing Redis of one app.
#[derive(Default)]
pub(super) struct Outbound {
    pub(super) pool: Arc<Pool>,
    pub(super) limits: Limits,
    tls: OnceCell<Arc<ClientConfig>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    /// Connections of the whole app at once; none is no bound.
    #[serde(rename = "max_connections")]
    connections_max: Option<usize>,
}

impl Outbound {
    /// How to speak TLS with a server of the guest's choice.
    pub(super) async fn tls(&self) -> Option<Arc<ClientConfig>> {
        let make = || async {
            // Some machines keep thousands of roots.
            let roots = tokio::task::spawn_blocking(tls::usual_roots).await.ok();
            roots.and_then(|roots| tls::client_config(roots, None).ok()).map(Arc::new).ok_or(())
        };
        self.tls.get_or_try_init(make).await.ok().cloned()
    }
}

/// Reads `[outbound_redis]`.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let table: Table = bind.config.take_as("outbound_redis")?.unwrap_or_default();
    bind.site.share(Arc::new(Outbound { pool: Arc::new(Pool::new(table.connections_max)), ..Outbound::default() }));
    Ok(())
}
