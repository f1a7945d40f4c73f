//! What a component asks for against what the capabilities give. A refusal names the key of the manifest that asked.

use std::collections::{BTreeMap, BTreeSet};

use coracle_capabilities::{self as capabilities, ALL};
use coracle_engine::{Capability, Grant, GrantError, GrantRequest, Site};
use serde_json::Value;

/// Why a component cannot have something that its manifest grants it.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct GrantFault {
    /// The key of the grant.
    pub key: String,
    /// What is wrong.
    pub cause: GrantCause,
}

/// What is wrong with a grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantCause {
    /// Nobody gives it.
    #[error("component `{component}` is granted `{key}`, which no capability knows; known are {known}")]
    Unknown {
        /// The component.
        component: String,
        /// The key.
        key: String,
        /// What could have been meant.
        known: String,
    },
    /// It is malformed, or asks for what cannot be given.
    #[error(transparent)]
    Refused(#[from] GrantError),
}

/// Everything that is wrong with `grants`. Each entry of a list and of a table has its own say.
#[must_use]
pub fn faults(component: &str, grants: &BTreeMap<String, Value>, site: &Site) -> Vec<GrantFault> {
    let mut faults: Vec<GrantFault> = unknown(component, grants).into_iter().collect();
    for (key, value) in grants {
        for part in parts(value) {
            let alone = BTreeMap::from([(key.clone(), part)]);
            let asked = capabilities::grants(&GrantRequest { component, grants: &alone, site });
            faults.extend(asked.err().map(|error| GrantFault { key: key.clone(), cause: error.into() }));
        }
    }
    faults
}

/// What one component was granted.
pub(crate) struct Opened {
    pub(crate) grants: Vec<Box<dyn Grant>>,
    pub(crate) lines: Vec<GrantLine>,
}

/// A line of the start-up table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantLine {
    /// The name of the capability.
    pub capability: &'static str,
    /// What it gives, such as `default → sqlite orders.db`.
    pub text: String,
}

/// Asks every capability for what `grants` say.
///
/// # Errors
/// The first [`GrantFault`].
pub(crate) fn open(component: &str, grants: &BTreeMap<String, Value>, site: &Site) -> Result<Opened, GrantFault> {
    if let Some(fault) = unknown(component, grants) {
        return Err(fault);
    }
    let granted = capabilities::granted(&GrantRequest { component, grants, site }).map_err(|error| {
        // The capability does not say which of its keys it means; asked for each alone, it does.
        let first = faults(component, grants, site).into_iter().next();
        first.unwrap_or_else(|| GrantFault { key: String::new(), cause: error.into() })
    })?;
    let lines_of = |(capability, grant): &capabilities::Granted| {
        let capability = capability.name();
        grant.describe().into_iter().map(move |text| GrantLine { capability, text }).collect::<Vec<_>>()
    };
    let lines = granted.iter().flat_map(lines_of).collect();
    Ok(Opened { grants: granted.into_iter().map(|(_, grant)| grant).collect(), lines })
}

fn unknown(component: &str, grants: &BTreeMap<String, Value>) -> Option<GrantFault> {
    let keys = |capability: &&'static dyn Capability| {
        let interfaces = capability.interfaces().iter().filter_map(|interface| interface.granted_by);
        interfaces.chain([capability.name()]).collect::<Vec<_>>()
    };
    let known: BTreeSet<_> = ALL.iter().flat_map(keys).collect();
    let key = grants.keys().find(|key| !known.contains(key.as_str()))?;
    let known = known.into_iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let cause = GrantCause::Unknown { component: component.to_owned(), key: key.clone(), known };
    Some(GrantFault { key: key.clone(), cause })
}

/// A list or table as one of each entry; anything else as it is.
fn parts(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) if items.len() > 1 => items.iter().map(|item| Value::Array(vec![item.clone()])).collect(),
        Value::Object(entries) if entries.len() > 1 => {
            entries.iter().map(|(name, entry)| Value::Object([(name.clone(), entry.clone())].into_iter().collect())).collect()
        }
        whole => vec![whole.clone()],
    }
}
