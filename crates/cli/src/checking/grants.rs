//! Whether every capability understands what it is asked to grant, with the operator's configuration or as far as can be told without.

use std::collections::{BTreeMap, BTreeSet};

use coracle_app::App;
use coracle_base::chain;
use coracle_capabilities as capabilities;
use coracle_engine::{Bind, BindError, RuntimeConfig, Site};
use coracle_host::{faults, labels_of};
use serde_json::Value;

use super::Findings;
use crate::serving;

/// What components ask for, by key.
type Labels = BTreeMap<String, BTreeSet<String>>;

/// Checks the grants of every component. Without a `config` nobody can say which labels the operator will bind, so that those are only
/// told.
pub(super) fn check(findings: &mut Findings, app: &App, config: Option<RuntimeConfig>) {
    let has_config = config.is_some();
    let mut labels = labels(app);
    let mut unbound: Vec<(&'static str, String)> = Vec::new();
    let site = loop {
        match bind(app, config.clone().unwrap_or_default(), &labels) {
            Ok((site, unused)) => {
                for key in unused {
                    findings
                        .error(None, format_args!("the runtime configuration has an unknown key `{key}`; remove it or correct its name"));
                }
                break site;
            }
            Err(BindError::Unbound { key, label, table }) => {
                let text = format!("`{label}` under `{key}` has no backend; add `[{table}.{label}]` to the runtime configuration");
                let asks = app.components.iter().find(|component| asks(component.grants.get(key), &label));
                let place = asks.and_then(|component| component.places.of(key));
                if has_config {
                    findings.error(place, text);
                } else {
                    findings.warning(place, text);
                }
                // One less each time round, so that this ends.
                labels.entry(key.to_owned()).or_default().remove(&label);
                unbound.push((key, label));
            }
            Err(error) => return findings.error(None, chain(&error)),
        }
    };
    for component in &app.components {
        let mut grants = component.grants.clone();
        for (key, label) in &unbound {
            match grants.get_mut(*key) {
                Some(Value::Array(asked)) => asked.retain(|item| item.as_str() != Some(label)),
                Some(Value::Object(asked)) => asked.retain(|asked, _| asked != label),
                _ => {}
            }
        }
        for fault in faults(component.id.as_str(), &grants, &site) {
            findings.error(component.places.of(&fault.key), fault);
        }
    }
}

/// Lets each capability read its part of `config`; the answer has the keys that nobody read.
fn bind(app: &App, mut config: RuntimeConfig, labels: &Labels) -> Result<(Site, Vec<String>), BindError> {
    let mut site = Site::default();
    site.app.clone_from(&app.name);
    serving::share_variables(&mut site, app);
    for key in serving::OPERATOR_KEYS {
        config.take(key);
    }
    capabilities::bind(&mut Bind { site: &mut site, config: &mut config, labels })?;
    Ok((site, config.unused()))
}

fn labels(app: &App) -> Labels {
    let mut labels = Labels::new();
    for (key, value) in app.components.iter().flat_map(|component| &component.grants) {
        labels.entry(key.clone()).or_default().extend(labels_of(value).map(str::to_owned));
    }
    labels
}

fn asks(grant: Option<&Value>, label: &str) -> bool {
    grant.is_some_and(|grant| labels_of(grant).any(|asked| asked == label))
}
