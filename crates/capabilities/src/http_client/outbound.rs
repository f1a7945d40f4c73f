//! What the components of one app share for outgoing HTTP: connections, identities, and how many connections there may be. One value
//! for each app, so that no connection is ever lent to another one.

use std::collections::HashSet;
use std::sync::Arc;

use coracle_base::metrics::{self, OutboundPermits};
use coracle_engine::{Bind, BindError};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::pool::Pool;
use super::tls::Tls;
use crate::egress::Destination;
use crate::resolver::Environment;

/// Spin's name for the authority that speaks HTTP/2 without TLS.
const H2C_VARIABLE: &str = "SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE";

/// Outgoing HTTP of one app.
pub(super) struct Outbound {
    pub(super) pool: Arc<Pool>,
    pub(super) tls: Tls,
    pub(super) permits: OutboundPermits,
    h2c: HashSet<Destination>,
}

/// The table `[outbound_http]` of the runtime configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    connection_pooling: bool,
    #[serde(rename = "max_connections")]
    connections_max: Option<usize>,
    #[serde(rename = "max_concurrent_requests")]
    concurrent_requests_max: Option<usize>,
    h2c_prior_knowledge: Vec<String>,
}

impl Default for Table {
    fn default() -> Self {
        Self { connection_pooling: true, connections_max: None, concurrent_requests_max: None, h2c_prior_knowledge: Vec::new() }
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self { pool: Arc::new(Pool::new(true, None)), tls: Tls::default(), permits: permits(), h2c: HashSet::new() }
    }
}

impl Outbound {
    /// Reads `[outbound_http]` and `[[client_tls]]`.
    pub(super) fn bind(bind: &mut Bind<'_>) -> Result<Self, BindError> {
        let table: Table = bind.config.take_as("outbound_http")?.unwrap_or_default();
        let connections_max = match (table.connections_max, table.concurrent_requests_max) {
            (Some(_), Some(_)) => {
                return Err(BindError::Refused {
                    message: "`[outbound_http]` has both `max_connections` and `max_concurrent_requests`".to_owned(),
                    remedy: "keep `max_connections`; the other is its old name".to_owned(),
                });
            }
            (Some(connections_max), None) => Some(connections_max),
            // The old key allowed one more than it said.
            (None, Some(requests_max)) => Some(requests_max.saturating_add(1)),
            (None, None) => None,
        };
        let environment = bind.site.shared::<Environment>().unwrap_or_default();
        let given = environment.get(H2C_VARIABLE).map(|authority| authority.expose().to_owned());
        let h2c = table.h2c_prior_knowledge.into_iter().chain(given);
        let h2c = h2c.map(|authority| {
            Destination::parse(&authority, "http").map_err(|error| BindError::Backend {
                what: format!("`{authority}` in `h2c_prior_knowledge` or `{H2C_VARIABLE}`"),
                remedy: "write `host:port`".to_owned(),
                source: Box::new(error),
            })
        });
        let h2c = h2c.collect::<Result<_, _>>()?;
        let pool = Pool::new(table.connection_pooling, connections_max.map(bounded));
        Ok(Self { pool: Arc::new(pool), tls: Tls::bind(bind)?, permits: permits(), h2c })
    }

    /// Whether the operator knows `destination` to speak HTTP/2 without TLS.
    pub(super) fn speaks_h2c(&self, destination: &Destination) -> bool {
        self.h2c.contains(destination)
    }
}

fn permits() -> OutboundPermits {
    OutboundPermits::new(metrics::global(), "outbound_http")
}

/// A bound of none is closed from the start: nobody has to wait to learn of it.
fn bounded(connections_max: usize) -> Arc<Semaphore> {
    let semaphore = Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS));
    if connections_max == 0 {
        semaphore.close();
    }
    Arc::new(semaphore)
}
