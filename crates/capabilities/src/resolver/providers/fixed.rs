//! `type = "static"`: values that stand in the runtime configuration itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::BindError;
use serde::Deserialize;

use super::{Provider, ProviderError};
use crate::backend::{Kind, Opened, Opening};
use crate::resolver::Secret;

/// This kind of provider.
pub(super) const KIND: Kind<dyn Provider> = Kind { types: &["static"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    // Not a map of strings: the message about a wrong value would repeat it.
    values: toml::Value,
}

#[derive(Debug)]
struct Static(BTreeMap<String, Secret>);

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Provider>, BindError> {
    let table: Table = opening.config()?;
    let toml::Value::Table(values) = table.values else {
        return Err(opening.refused("`values` is not a table", "write `values = { name = \"value\" }`"));
    };
    let read = |(name, value)| match value {
        toml::Value::String(value) => Ok((name, Secret::from(value))),
        other => {
            let message = format!("the value of `{name}` is of type {}, not a string", other.type_str());
            Err(opening.refused(&message, "put it in quotes"))
        }
    };
    let values: BTreeMap<_, _> = values.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Opened { backend: Arc::new(Static(values)), place: "static values".to_owned() })
}

#[async_trait]
impl Provider for Static {
    async fn get(&self, name: &str) -> Result<Option<Secret>, ProviderError> {
        Ok(self.0.get(name).cloned())
    }
}
