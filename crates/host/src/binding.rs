//! The part of an app's start that its runtime configuration decides, and that is done again when it changes.

use std::collections::{BTreeMap, BTreeSet};

use coracle_app::{App, ComponentId};
use coracle_capabilities as capabilities;
use coracle_engine::{Bind, RuntimeConfig, Site};
use serde_json::Value;

use crate::WorkloadError;

/// The labels that components were granted, by grant key. They stand in the manifest, so that they stay while the app runs.
pub(crate) type Labels = BTreeMap<String, BTreeSet<String>>;

/// The labels of the components of `app` that are `needed`.
pub(crate) fn labels(app: &App, needed: &BTreeSet<ComponentId>) -> Labels {
    let mut labels = Labels::new();
    for component in app.components.iter().filter(|component| needed.contains(&component.id)) {
        for (key, value) in &component.grants {
            labels.entry(key.clone()).or_default().extend(labels_of(value).map(str::to_owned));
        }
    }
    labels
}

/// The labels that a grant names: the items of a list, or the keys of a table.
pub fn labels_of(grant: &Value) -> impl Iterator<Item = &str> {
    let list = grant.as_array().into_iter().flatten().filter_map(Value::as_str);
    list.chain(grant.as_object().into_iter().flatten().map(|(label, _)| label.as_str()))
}

/// Lets each capability read its part of `config`, and leave in `site` what grants need.
///
/// # Errors
/// The first capability's that refuses, and one for keys that nobody reads.
pub(crate) fn bind(site: &mut Site, config: &mut RuntimeConfig, labels: &Labels) -> Result<(), WorkloadError> {
    capabilities::bind(&mut Bind { site, config, labels })?;
    let unused = config.unused();
    if unused.is_empty() { Ok(()) } else { Err(WorkloadError::UnusedConfig(unused)) }
}
