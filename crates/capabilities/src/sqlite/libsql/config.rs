//! What the runtime configuration says of a database of a libSQL server: its URL, and a token that it asks for.

use std::sync::Arc;

use coracle_engine::BindError;
use serde::Deserialize;

use super::Remote;
use crate::backend::{Http, Kind, Opened, Opening};
use crate::resolver::Secret;
use crate::sqlite::{Database, Limits};
use crate::tls;

/// A database of a server.
pub(in crate::sqlite) const KIND: Kind<dyn Database> = Kind { types: &["libsql"], open };

/// Where pipelines are sent. Servers that know the next version of the protocol know this one.
const PATH: &str = "/v2/pipeline";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// The address, such as `https://name.turso.io`.
    url: String,
    /// What the server asks for.
    token: Option<String>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Database>, BindError> {
    let Place { url, token } = opening.config()?;
    let wrong = |message: &str| opening.refused(message, "write `url = \"https://host\"` as the server's owner gave it");
    // Its owners write the scheme of the protocol, and mean this one.
    let url = url.strip_prefix("libsql://").map_or_else(|| url.clone(), |rest| format!("https://{rest}"));
    let is_https = url.starts_with("https://");
    if !is_https && !url.starts_with("http://") {
        return Err(wrong("its `url` is not one of HTTP"));
    }
    let uri = format!("{}{PATH}", url.trim_end_matches('/')).parse().map_err(|_| wrong("its `url` is not understood"))?;
    let mut connector = opening.connector(&url, "https")?;
    let place = format!("libsql {}", connector.destination());
    if is_https {
        let config = tls::client_config(tls::usual_roots(), None).map_err(|source| BindError::Backend {
            what: opening.what(),
            remedy: "see to the certificates of the machine".to_owned(),
            source: Box::new(source),
        })?;
        connector = connector.with_tls(Arc::new(config));
    }
    let limits = Limits::default();
    let http = Http::new(connector, limits.statement_time_max);
    Ok(Opened { backend: Arc::new(Remote::new(http, uri, token.map(Secret::from), limits)), place })
}
