//! The walk over a tree and its schema.

use serde_json::{Map, Value};

use super::shape;
use super::{OWN_KEY_MARK, OwnKeys};
use crate::document::nearest;
use crate::document::node::{At, Node, NodeValue};

/// After this many findings the check ends: far fewer are shown, and hostile text could make a million.
const FINDINGS_MAX: usize = 1_000;

/// Walks a tree and its schema together.
pub(super) struct Checker<'s, 'd> {
    definitions: Option<&'s Value>,
    own_keys: OwnKeys,
    /// The keys and the nodes that lead to the one being checked.
    path: Vec<(&'d str, u32)>,
    findings: Vec<Finding>,
}

/// Something that does not fit the schema.
pub(super) struct Finding {
    pub(super) start: usize,
    pub(super) message: String,
    pub(super) remedy: String,
    /// The faulty node and those around it.
    pub(super) nodes: Vec<u32>,
}

impl<'s, 'd> Checker<'s, 'd> {
    pub(super) fn new(schema: &'s Value, own_keys: OwnKeys) -> Self {
        Self { definitions: schema.get("$defs"), own_keys, path: Vec::new(), findings: Vec::new() }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Checks a value and all beneath it.
    pub(super) fn visit(&mut self, property: &'s Value, at: At<'d>) {
        let (Some(node), Some(schema)) = (at.node, self.resolve(property)) else {
            return;
        };
        if self.is_full() {
            return;
        }
        if let Some(literals) = shape::literals(schema) {
            return self.visit_literal(&literals, at, node);
        }
        if let Some(variants) = shape::variants(schema) {
            return self.visit_variants(variants, shape::about(property), at, node);
        }
        if !shape::accepts_type(schema, node) {
            return self.wrong_type(&shape::describe(schema), shape::about(property), at, node);
        }
        match &node.value {
            NodeValue::Table(_) => self.visit_table(schema, at, node),
            NodeValue::Array(items) => {
                let Some(item_schema) = schema.get("items") else {
                    return;
                };
                for item in items {
                    self.path.push(("", item.id));
                    self.visit(item_schema, At::item_node(item));
                    self.path.pop();
                }
            }
            NodeValue::Integer(number) => self.visit_integer(schema, *number, at),
            _ => {}
        }
    }

    fn visit_table(&mut self, schema: &'s Map<String, Value>, at: At<'d>, node: &'d Node) {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for entry in node.entries() {
            if self.is_full() {
                return;
            }
            let child = At::entry(entry);
            self.path.push((&entry.name, entry.node.id));
            match properties.and_then(|properties| properties.get(&entry.name)) {
                Some(property) => {
                    if self.refuses(property) {
                        self.own_key_refused(child.key, &entry.name);
                    } else {
                        self.visit(property, child);
                    }
                }
                None => match shape::additional(schema) {
                    Some(Value::Bool(false)) => {
                        self.unknown_key(&entry.name, child, properties.unwrap_or(&none));
                    }
                    Some(other) => self.visit(other, child),
                    None => {}
                },
            }
            self.path.pop();
        }
        let required = shape::required(Some(schema));
        for name in required {
            if node.get(name).is_none() {
                let property = properties.and_then(|properties| properties.get(name));
                self.missing(name, property, at);
            }
        }
    }

    /// Checks against the variant that fits best, so that the advice is about what the author had in mind.
    fn visit_variants(&mut self, variants: &'s [Value], about: Option<String>, at: At<'d>, node: &'d Node) {
        let candidates: Vec<&Value> = variants.iter().filter(|variant| self.could_be(variant, node)).collect();
        if let Some((tag, literals)) = shape::tag(&candidates) {
            let found = node.get(tag).map(Node::to_json);
            let chosen = literals.iter().position(|literal| Some(*literal) == found.as_ref());
            match (chosen.and_then(|index| candidates.get(index)), node.entry(tag)) {
                (Some(variant), _) => self.visit(variant, at),
                (None, Some(entry)) => {
                    self.path.push((&entry.name, entry.node.id));
                    self.visit_literal(&literals, At::entry(entry), &entry.node);
                    self.path.pop();
                }
                (None, None) => self.missing(tag, None, at),
            }
            return;
        }
        let mut best: Option<(Vec<Finding>, &Value)> = None;
        for candidate in &candidates {
            let mut trial = Checker { path: self.path.clone(), findings: Vec::new(), definitions: self.definitions, ..*self };
            trial.visit(candidate, at);
            if best.as_ref().is_none_or(|(findings, _)| trial.findings.len() < findings.len()) {
                best = Some((trial.findings, candidate));
            }
        }
        let Some((findings, variant)) = best else {
            let mut kinds: Vec<String> = variants.iter().filter_map(|variant| self.resolve(variant)).map(shape::describe).collect();
            kinds.dedup();
            return self.wrong_type(&kinds.join(" or "), about, at, node);
        };
        if findings.is_empty() {
            if self.refuses(variant) {
                let form = shape::required(self.resolve(variant)).join(", ");
                self.own_key_refused(at.start, &form);
            }
        } else if candidates.len() > 1 && !self.shares_key(variant, node) {
            let here = self.here();
            let forms: Vec<String> = candidates.iter().filter(|each| !self.refuses(each)).map(|each| self.form(each)).collect();
            self.find(at.start, format!("{here} has none of the forms that it can take"), format!("write {}", forms.join(", or ")));
        } else {
            self.findings.extend(findings);
        }
    }

    fn visit_literal(&mut self, literals: &[&Value], at: At<'d>, node: &Node) {
        let found = node.to_json();
        if literals.contains(&&found) {
            return;
        }
        let known: Vec<String> = literals.iter().map(|literal| format!("`{}`", plain(literal))).collect();
        let here = self.here();
        self.find(at.start, format!("`{}` is not a value of {here}", plain(&found)), format!("use {}", known.join(" or ")));
    }

    fn visit_integer(&mut self, schema: &Map<String, Value>, number: i64, at: At<'d>) {
        let minimum = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let maximum = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
        if number < minimum || number > maximum {
            let here = self.here();
            let remedy = match maximum {
                i64::MAX => format!("use a number of at least {minimum}"),
                _ => format!("use a number from {minimum} to {maximum}"),
            };
            self.find(at.start, format!("{number} is out of range for {here}"), remedy);
        }
    }

    fn wrong_type(&mut self, wanted: &str, about: Option<String>, at: At<'d>, node: &Node) {
        let here = self.here();
        let remedy = match node.value {
            // The usual slip is one pair of brackets too few.
            NodeValue::Table(_) if wanted == "an array" => {
                format!("write `[[{}]]` as the header of the table, or put brackets around the value", here.trim_matches('`'))
            }
            _ => format!("write {wanted}{}", about.unwrap_or_default()),
        };
        self.find(at.start, format!("{here} must be {wanted}, not {}", node.kind()), remedy);
    }

    fn unknown_key(&mut self, name: &str, at: At<'d>, properties: &Map<String, Value>) {
        let known = || properties.iter().filter(|(_, property)| !self.refuses(property)).map(|(name, _)| name.as_str());
        let remedy = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the known keys are {}", quoted(known())),
        };
        let table = self.around();
        self.find(at.key, format!("unknown key `{name}` in {table}"), remedy);
    }

    fn missing(&mut self, name: &str, property: Option<&Value>, at: At<'d>) {
        let here = self.here();
        let place = if self.path.is_empty() { String::new() } else { format!(" in {here}") };
        let about = property.and_then(shape::about).unwrap_or_default();
        self.find(at.start, format!("missing field `{name}`{place}"), format!("add `{name}`{about}"));
    }

    fn own_key_refused(&mut self, start: usize, key: &str) {
        self.find(
            start,
            format!("`{key}` is a key of coracle.toml, which spin.toml does not have"),
            "rename the manifest to coracle.toml, or remove the key",
        );
    }

    fn find(&mut self, start: usize, message: String, remedy: impl Into<String>) {
        let nodes = self.path.iter().map(|(_, id)| *id).collect();
        self.findings.push(Finding { start, message, remedy: remedy.into(), nodes });
    }

    /// Whether so much was found that the rest is not worth the time.
    fn is_full(&self) -> bool {
        self.findings.len() >= FINDINGS_MAX
    }

    /// The name of what is being checked, as a dotted path.
    fn here(&self) -> String {
        dotted(&self.path)
    }

    /// The name of the table around what is being checked.
    fn around(&self) -> String {
        match self.path.split_last() {
            Some((_, rest)) if !rest.is_empty() => dotted(rest),
            _ => "the manifest".to_owned(),
        }
    }

    /// Whether this part of the schema is for `coracle.toml` only, and the manifest is another one.
    fn refuses(&self, schema: &Value) -> bool {
        self.own_keys == OwnKeys::Refused && schema.get(OWN_KEY_MARK).is_some()
    }

    /// Whether a value is at least of a type that the schema accepts.
    fn could_be(&self, schema: &Value, node: &Node) -> bool {
        let Some(schema) = self.resolve(schema) else {
            return true;
        };
        match shape::variants(schema) {
            Some(variants) if shape::literals(schema).is_none() => variants.iter().any(|variant| self.could_be(variant, node)),
            _ => shape::accepts_type(schema, node),
        }
    }

    /// Whether a table has at least one key that this variant knows.
    fn shares_key(&self, variant: &Value, node: &Node) -> bool {
        let properties = self.resolve(variant).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        properties.is_none_or(|properties| properties.keys().any(|key| node.get(key).is_some()))
    }

    /// What a variant looks like.
    fn form(&self, variant: &Value) -> String {
        let schema = self.resolve(variant);
        let required: Vec<String> = shape::required(schema).iter().map(|key| format!("`{key}`")).collect();
        match schema.map(shape::describe) {
            Some(kind) if !required.is_empty() => format!("{kind} with {}", required.join(" and ")),
            Some(kind) => kind,
            None => "any value".to_owned(),
        }
    }

    fn resolve<'a>(&self, schema: &'a Value) -> Option<&'a Map<String, Value>>
    where
        's: 'a,
    {
        shape::resolve(schema, self.definitions)
    }
}

fn dotted(path: &[(&str, u32)]) -> String {
    let keys: Vec<&str> = path.iter().map(|(key, _)| *key).filter(|key| !key.is_empty()).collect();
    if keys.is_empty() { "the manifest".to_owned() } else { format!("`{}`", keys.join(".")) }
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
