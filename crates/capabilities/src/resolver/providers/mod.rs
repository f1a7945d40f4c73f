//! Who may give values to variables: the `[[variables_provider]]` tables of the runtime configuration in their order, and after them
//! always the process environment. A provider is one file and one line in [`KINDS`].

mod environment;
mod files;
mod fixed;
mod vault;

#[cfg(test)]
mod conformance;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use coracle_engine::{Bind, BindError};

use super::Secret;
use crate::backend::{self, Kind, Opened, Opening};

/// The table of the runtime configuration, and what it was called before.
const KEY: &str = "variables_provider";
const KEY_BEFORE: &str = "config_provider";

/// Every kind of provider.
pub(super) const KINDS: &[&Kind<dyn Provider>] = &[&environment::KIND, &fixed::KIND, &files::KIND, &vault::KIND];

/// Kinds that Spin has and this version lacks.
const MISSING: &[&str] = &["azure_key_vault"];

/// One source of values.
#[async_trait]
pub(super) trait Provider: fmt::Debug + Send + Sync {
    /// The value of the variable `name`; `None` leaves it to the next provider. Values are asked for anew each time, so that one that
    /// was changed counts at once.
    async fn get(&self, name: &str) -> Result<Option<Secret>, ProviderError>;

    /// Whether it answers without waiting for another machine.
    fn is_local(&self) -> bool {
        true
    }
}

/// Why a provider cannot tell whether it has a value. For operators: it may name addresses, and never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct ProviderError(pub(super) String);

/// A provider with its place in the configuration.
#[derive(Debug)]
pub(super) struct Listed {
    provider: Arc<dyn Provider>,
    place: String,
    /// Whether it failed when it was last asked, so that an outage is told once.
    is_failing: AtomicBool,
}

impl Listed {
    fn new(opened: Opened<dyn Provider>) -> Self {
        Self { provider: opened.backend, place: opened.place, is_failing: AtomicBool::new(false) }
    }

    /// What the provider says of `name`; a failure is told to the operator when it begins and when it ends.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Secret>, ProviderError> {
        let answer = self.provider.get(name).await;
        let was_failing = self.is_failing.swap(answer.is_err(), Relaxed);
        match &answer {
            Err(error) if !was_failing => tracing::warn!(provider = self.place, "variable `{name}` could not be looked up: {error}"),
            Ok(_) if was_failing => tracing::info!(provider = self.place, "variables can be looked up again"),
            _ => {}
        }
        answer
    }

    pub(super) fn is_local(&self) -> bool {
        self.provider.is_local()
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

/// The providers in the order in which they are asked.
pub(super) fn read(bind: &mut Bind<'_>) -> Result<Vec<Listed>, BindError> {
    let mut listed = Vec::new();
    for (index, mut table) in tables(bind)?.into_iter().enumerate() {
        let place = format!("{KEY}[{index}]");
        let kind = backend::find(KINDS, MISSING, &place, &table)?;
        table.remove("type");
        listed.push(Listed::new((kind.open)(&Opening::new("", bind.site, place, table, bind.config.folder()))?));
    }
    listed.push(Listed::new(environment::built_in(bind.site)?));
    Ok(listed)
}

fn tables(bind: &mut Bind<'_>) -> Result<Vec<toml::Table>, BindError> {
    let tables: Option<Vec<toml::Table>> = bind.config.take_as(KEY)?;
    let before = bind.config.take_as(KEY_BEFORE)?;
    if tables.is_some() && before.is_some() {
        return Err(BindError::Refused {
            message: format!("runtime configuration: both `{KEY}` and `{KEY_BEFORE}` are given, which are one thing"),
            remedy: format!("write every provider as `[[{KEY}]]`"),
        });
    }
    Ok(tables.or(before).unwrap_or_default())
}
