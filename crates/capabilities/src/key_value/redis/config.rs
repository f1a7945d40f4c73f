//! `type = "redis"` of a `[key_value_store.<label>]`: its `url` as in Spin, and a `prefix` for labels that share a database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::{Bind, BindError};
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

/// The keys of a database that a label has.
struct Share {
    label: String,
    place: String,
    prefix: Option<String>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let config: Config = opening.config()?;
    let address =
        Address::parse(&config.url).map_err(|error| opening.refused(&format!("its `url` is not understood: {error}"), "correct it"))?;
    let place = place(&address);
    let mut connector = opening.connector(&config.url, "redis")?;
    if address.is_tls {
        connector = connector.with_tls(opening.tls(config.ca_roots_file.as_deref())?);
    }
    let prefix = config.prefix.unwrap_or_default();
    let shown = if prefix.is_empty() { String::new() } else { format!(" (keys `{prefix}…`)") };
    Ok(Opened { backend: Arc::new(Redis::new(connector, address.settings, prefix)), place: format!("redis {place}{shown}") })
}

/// The server and its database.
fn place(address: &Address) -> String {
    match address.settings.db() {
        0 => address.destination.to_string(),
        database => format!("{}/{database}", address.destination),
    }
}

/// Refuses labels of `table` that would see each other's keys without knowing. Looks at all that are granted, also those whose backends
/// stay as they were.
pub(in crate::key_value) fn keep_apart(bind: &Bind<'_>, grant: &str, table: &str) -> Result<(), BindError> {
    let tables: BTreeMap<String, toml::Table> = bind.config.clone().take_as(table)?.unwrap_or_default();
    let mut shares: Vec<Share> = Vec::new();
    for label in bind.labels.get(grant).into_iter().flatten() {
        let Some(new) = tables.get(label).and_then(|table| Share::read(label, table)) else { continue };
        if let Some(other) = shares.iter().find(|other| new.overlaps(other)) {
            return Err(BindError::Refused {
                message: format!("`[{table}.{label}]`: `{label}` would see the keys of `{}` in {}", other.label, new.place),
                remedy: "give each a `prefix`, or a database of its own; two that should share have the same `prefix`".to_owned(),
            });
        }
        shares.push(new);
    }
    Ok(())
}

impl Share {
    /// What a table is about, if it is of Redis and can be understood; opening it tells what cannot.
    fn read(label: &str, table: &toml::Table) -> Option<Self> {
        let text = |key| table.get(key).and_then(toml::Value::as_str);
        let kind = text("type").filter(|kind| KIND.types.contains(kind));
        let address = kind.and_then(|_| Address::parse(text("url")?).ok())?;
        Some(Self { label: label.to_owned(), place: place(&address), prefix: text("prefix").map(str::to_owned) })
    }

    /// Whether one has keys of the other, unless both say so.
    fn overlaps(&self, other: &Self) -> bool {
        let (one, two) = (self.prefix.as_deref().unwrap_or_default(), other.prefix.as_deref().unwrap_or_default());
        let is_said = self.prefix.is_some() && self.prefix == other.prefix;
        self.place == other.place && !is_said && (one.starts_with(two) || two.starts_with(one))
    }
}
