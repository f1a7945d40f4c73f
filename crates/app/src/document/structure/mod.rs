//! Checks a tree against the shape of its format: unknown keys, missing ones, wrong types. The shape is made from the JSON Schema that
//! editors get, which is thus the one that decides, and one pass finds every fault instead of the first.

mod checker;
mod shape;
#[cfg(test)]
mod source;

use std::collections::HashSet;

use serde_json::Value;

use super::Problems;
use super::node::{At, Node, NodeValue};
use checker::Checker;
pub(crate) use shape::{Additional, Part, Shape, Type};
#[cfg(test)]
pub(crate) use source::source;

/// Marks, in a schema, the keys that `coracle.toml` has and `spin.toml` has not.
pub(crate) const OWN_KEY_MARK: &str = "x-coracle";

/// Whether Coracle's own keys are part of the format that is being checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnKeys {
    Allowed,
    Refused,
}

/// The nodes that are at fault, so that the rest of a manifest can still be judged without them.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    faulty: HashSet<u32>,
    /// The faulty ones and all around them.
    touched: HashSet<u32>,
}

impl Dirty {
    /// Whether something is wrong with this node or beneath it.
    pub(crate) fn touches(&self, node: &Node) -> bool {
        self.touched.contains(&node.id)
    }

    /// The value of this node without the entries that are at fault. A list that has a faulty item goes as a whole:
    /// the others would move up and be taken for one another.
    pub(crate) fn sound_json(&self, node: &Node) -> Value {
        match &node.value {
            NodeValue::Table(entries) if self.touches(node) => {
                let sound = entries.iter().filter(|entry| {
                    let in_list = entry.node.items().iter().any(|item| self.touches(item));
                    !in_list && !self.faulty.contains(&entry.node.id)
                });
                Value::Object(sound.map(|entry| (entry.name.clone(), self.sound_json(&entry.node))).collect())
            }
            _ => node.to_json(),
        }
    }
}

/// Checks a whole tree; what is wrong goes to `problems`.
pub(crate) fn check(manifest: &'static Shape, root: &Node, own_keys: OwnKeys, problems: &mut Problems<'_>) -> Dirty {
    let mut checker = Checker::new(own_keys);
    checker.visit(&Part { about: "", own: false, shape: manifest }, At::root(root));
    let mut dirty = Dirty::default();
    for finding in checker.into_findings() {
        dirty.faulty.extend(finding.nodes.last());
        dirty.touched.extend(finding.nodes);
        problems.error(finding.start, finding.message, finding.remedy);
    }
    dirty
}
