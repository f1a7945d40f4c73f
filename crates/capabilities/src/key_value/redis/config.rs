//! `type = "redis"` of a `[key_value_store.<label>]`: its `url` as in Spin, and a `prefix` for labels that share a database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::BindError;
use parking_lot::Mutex;
use serde::Deserialize;

use super::Redis;
use crate::backend::{Kind, Opened, Opening};
use crate::key_value::Store;
use crate::redis_connection::Address;

/// A store in Redis.
pub(in crate::key_value) const KIND: Kind<dyn Store> = Kind { types: &["redis"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `redis://` or, for TLS, `rediss://`, with user, password, host, port and database.
    url: String,
    /// What the names of this label's keys begin with on the server. None is Spin's layout, in which a label has the whole database.
    prefix: Option<String>,
    /// Certificates to trust instead of the machine's, as PEM.
    ca_roots_file: Option<PathBuf>,
}

/// Which labels have which keys of which database, so that no two have the same without knowing.
#[derive(Default)]
pub(in crate::key_value) struct Shares(Mutex<BTreeMap<String, Vec<Share>>>);

struct Share {
    label: String,
    prefix: Option<String>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let config: Config = opening.config()?;
    let address =
        Address::parse(&config.url).map_err(|error| opening.refused(&format!("its `url` is not understood: {error}"), "correct it"))?;
    let place = match address.settings.db() {
        0 => address.destination.to_string(),
        database => format!("{}/{database}", address.destination),
    };
    let shares = opening.site.shared::<Shares>().unwrap_or_default();
    shares.add(opening, &place, config.prefix.clone())?;
    let mut connector = opening.connector(&config.url, "redis")?;
    if address.is_tls {
        connector = connector.with_tls(opening.tls(config.ca_roots_file.as_deref())?);
    }
    let prefix = config.prefix.unwrap_or_default();
    let shown = if prefix.is_empty() { String::new() } else { format!(" (keys `{prefix}…`)") };
    Ok(Opened { backend: Arc::new(Redis::new(connector, address.settings, prefix)), place: format!("redis {place}{shown}") })
}

impl Shares {
    fn add(&self, opening: &Opening<'_>, place: &str, prefix: Option<String>) -> Result<(), BindError> {
        let mut shares = self.0.lock();
        let others = shares.entry(place.to_owned()).or_default();
        let new = Share { label: opening.label.to_owned(), prefix };
        if let Some(other) = others.iter().find(|other| new.overlaps(other)) {
            let message = format!("`{}` would see the keys of `{}` in {place}", new.label, other.label);
            return Err(
                opening.refused(&message, "give each a `prefix`, or a database of its own; two that should share have the same `prefix`")
            );
        }
        others.push(new);
        Ok(())
    }
}

impl Share {
    /// Whether one has keys of the other, unless both say so.
    fn overlaps(&self, other: &Self) -> bool {
        let (one, two) = (self.prefix.as_deref().unwrap_or_default(), other.prefix.as_deref().unwrap_or_default());
        let is_said = self.prefix.is_some() && self.prefix == other.prefix;
        !is_said && (one.starts_with(two) || two.starts_with(one))
    }
}
