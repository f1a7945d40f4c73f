//! `type = "nats"` of a `[key_value_store.<label>]`: a bucket of JetStream, by default the one that is called as the label.

use std::path::PathBuf;
use std::sync::Arc;

use async_nats::ServerAddr;
use coracle_engine::BindError;
use serde::Deserialize;

use super::Nats;
use super::connection::{Login, Server};
use crate::backend::{Kind, Opened, Opening};
use crate::key_value::Store;

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
    let address: ServerAddr = config.url.parse().map_err(|_| opening.refused("its `url` is not understood", "write `nats://host:port`"))?;
    let is_tls = match address.scheme() {
        "nats" => false,
        "tls" => true,
        _ => return Err(opening.refused("its `url` is not one of `nats://` and `tls://`", "use one of them")),
    };
    let bucket = config.bucket.clone().unwrap_or_else(|| opening.label.to_owned());
    if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(opening.refused(&format!("`{bucket}` is no name of a bucket"), "name one in `bucket`, of letters, digits, `-` and `_`"));
    }
    let connector = opening.connector(&config.url, "nats")?;
    let place = format!("nats {} bucket {bucket}", connector.destination());
    let tls = if is_tls { Some(opening.tls(config.ca_roots_file.as_deref())?) } else { None };
    let login = login(opening, &config, &address)?;
    let server = Server { connector, tls, login, bucket, creates_bucket: config.create };
    Ok(Opened { backend: Arc::new(Nats::new(server)), place })
}

fn login(opening: &Opening<'_>, config: &Config, address: &ServerAddr) -> Result<Login, BindError> {
    let user = address.username().map(|user| (user.to_owned(), address.password().unwrap_or_default().to_owned()));
    match (user, &config.token, &config.credentials) {
        (None, None, None) => Ok(Login::None),
        (None, Some(token), None) => Ok(Login::Token(token.clone())),
        (Some((user, password)), None, None) => Ok(Login::User { user, password }),
        (None, None, Some(file)) => {
            let path = opening.path(file);
            let read = std::fs::read_to_string(&path).map_err(|source| BindError::Backend {
                what: format!("{}, the `credentials` of {},", path.display(), opening.what()),
                remedy: "name a file that can be read".to_owned(),
                source: Box::new(source),
            });
            Ok(Login::Credentials(read?))
        }
        _ => Err(opening.refused("it has more than one of `token`, `credentials` and a user in `url`", "keep one")),
    }
}
