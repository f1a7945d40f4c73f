//! `type = "nats"` of a `[key_value_store.<label>]`: a bucket of JetStream, by default the one that is called as the label.

use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::BindError;
use serde::Deserialize;

use super::Nats;
use super::connection::Place;
use crate::backend::{Kind, Opened, Opening};
use crate::key_value::Store;
use crate::nats_connection::{Server, Settings};

/// A store in NATS.
pub(in crate::key_value) const KIND: Kind<dyn Store> = Kind { types: &["nats"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `nats://host:port`, or `tls://host:port`; `user:password@` may stand before the host.
    url: String,
    /// The bucket; by default it has the label's name.
    bucket: Option<String>,
    /// Whether a bucket that is absent is made.
    #[serde(default = "yes")]
    create: bool,
    /// A token.
    token: Option<String>,
    /// A file of credentials, as `nsc` makes it.
    credentials: Option<PathBuf>,
    /// Certificates to trust instead of the machine's, as PEM.
    ca_roots_file: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let config: Config = opening.config()?;
    let settings = Settings {
        url: &config.url,
        token: config.token.as_deref(),
        credentials: config.credentials.as_deref(),
        ca_roots_file: config.ca_roots_file.as_deref(),
    };
    let server = Server::new(opening, &settings)?;
    let bucket = config.bucket.clone().unwrap_or_else(|| opening.label.to_owned());
    if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(opening.refused(&format!("`{bucket}` is no name of a bucket"), "name one in `bucket`, of letters, digits, `-` and `_`"));
    }
    let place = format!("nats {} bucket {bucket}", server.destination());
    let backend = Nats::new(Place { server, bucket, creates_bucket: config.create });
    Ok(Opened { backend: Arc::new(backend), place })
}
