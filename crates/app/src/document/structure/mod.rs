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
pub(crate) use source::rust_source;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    static NUMBER: Shape = Shape { types: &[Type::Number], ..Shape::ANY };
    static TEXT: Shape = Shape { types: &[Type::String], ..Shape::ANY };
    static EVEN: Shape = Shape { literals: &["two", "four"], ..Shape::ANY };
    static FORMS: Shape = Shape {
        variants: &[
            part("", &TEXT),
            Part { about: "", own: true, shape: &Shape { types: &[Type::Table], required: &["even"], ..Shape::ANY } },
        ],
        ..Shape::ANY
    };
    static MANIFEST: Shape = Shape {
        types: &[Type::Table],
        properties: &[
            ("number", part("How many", &NUMBER)),
            ("even", part("", &EVEN)),
            ("form", part("", &FORMS)),
            ("any", part("", &Shape::ANY)),
        ],
        required: &["number"],
        additional: Additional::Each(part("More text", &TEXT)),
        ..Shape::ANY
    };

    const fn part(about: &'static str, shape: &'static Shape) -> Part {
        Part { about, own: false, shape }
    }

    #[track_caller]
    fn checked(text: &str, own_keys: OwnKeys, expected: &str) {
        let mut problems = Problems::new(text, "a.toml");
        let root = parse(text, &mut problems).unwrap();
        check(&MANIFEST, &root, own_keys, &mut problems);
        let found = if problems.has_errors() { problems.into_errors().to_string() } else { String::new() };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_tree_is_held_against_its_shape() {
        for (text, expected) in [
            ("number = 1\nany = 1979-05-27\nmore = 'x'", ""),
            ("number = 1.5\nany = [{ a = 1 }, true]\neven = 'two'", ""),
            ("more = 'x'", "a.toml:1:1: missing field `number`\n  help: add `number`: How many"),
            ("number = '1'", "a.toml:1:10: `number` must be a number, not a string\n  help: write a number: How many"),
            ("number = 1979-05-27", "a.toml:1:10: `number` must be a number, not a date or time\n  help: write a number: How many"),
            ("number = 1\nmore = 2", "a.toml:2:8: `more` must be a string, not an integer\n  help: write a string: More text"),
            ("number = 1\neven = 'one'", "a.toml:2:8: `one` is not a value of `even`\n  help: use `two` or `four`"),
            ("number = 1\neven = 2", "a.toml:2:8: `2` is not a value of `even`\n  help: use `two` or `four`"),
            ("number = 1\nform = 1", "a.toml:2:8: `form` must be a string or a table, not an integer\n  help: write a string or a table"),
        ] {
            checked(text, OwnKeys::Allowed, expected);
        }
    }

    #[test]
    fn what_is_for_coracle_toml_only_is_refused_elsewhere() {
        let text = "number = 1\nform = { even = 1 }";
        checked(text, OwnKeys::Allowed, "");
        let refusal = "a.toml:2:1: `even` is a key of coracle.toml, which spin.toml does not have\n  help: rename the manifest to coracle.toml, or remove the key";
        checked(text, OwnKeys::Refused, refusal);
    }
}
