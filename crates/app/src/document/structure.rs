//! Checks a tree against the JSON Schema of its format: unknown keys, missing ones, wrong types. The schema that
//! editors get is thus the one that decides, and one pass finds every fault instead of the first.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::node::{At, Node, NodeValue};
use super::{Problems, nearest};

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
pub(crate) fn check(schema: &Value, root: &Node, own_keys: OwnKeys, problems: &mut Problems<'_>) -> Dirty {
    let mut checker = Checker { definitions: schema.get("$defs"), own_keys, path: Vec::new(), findings: Vec::new() };
    checker.visit(schema, At::root(root));
    let mut dirty = Dirty::default();
    for finding in checker.findings {
        dirty.faulty.extend(finding.nodes.last());
        dirty.touched.extend(finding.nodes);
        problems.error(finding.start, finding.message, finding.remedy);
    }
    dirty
}

struct Checker<'s, 'd> {
    definitions: Option<&'s Value>,
    own_keys: OwnKeys,
    /// The keys and the nodes that lead to the one being checked.
    path: Vec<(&'d str, u32)>,
    findings: Vec<Finding>,
}

struct Finding {
    start: usize,
    message: String,
    remedy: String,
    /// The faulty node and those around it.
    nodes: Vec<u32>,
}

impl<'s, 'd> Checker<'s, 'd> {
    fn visit(&mut self, property: &'s Value, at: At<'d>) {
        let (Some(node), Some(schema)) = (at.node, self.resolve(property)) else {
            return;
        };
        if let Some(literals) = literals(schema) {
            return self.visit_literal(&literals, at, node);
        }
        if let Some(variants) = variants(schema) {
            return self.visit_variants(variants, about(property), at, node);
        }
        if !accepts_type(schema, node) {
            return self.wrong_type(&describe(schema), about(property), at, node);
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
            let child = At::entry(entry);
            self.path.push((&entry.name, entry.node.id));
            match properties.and_then(|properties| properties.get(&entry.name)) {
                Some(property) => {
                    if self.own_keys == OwnKeys::Refused && property.get(OWN_KEY_MARK).is_some() {
                        self.own_key_refused(child.key, &entry.name);
                    } else {
                        self.visit(property, child);
                    }
                }
                None => match additional(schema) {
                    Some(Value::Bool(false)) => {
                        self.unknown_key(&entry.name, child, properties.unwrap_or(&none));
                    }
                    Some(other) => self.visit(other, child),
                    None => {}
                },
            }
            self.path.pop();
        }
        let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for name in required.iter().filter_map(Value::as_str) {
            if node.get(name).is_none() {
                let property = properties.and_then(|properties| properties.get(name));
                self.missing(name, property, at);
            }
        }
    }

    /// Checks against the variant that fits best, so that the advice is about what the author had in mind.
    fn visit_variants(&mut self, variants: &'s [Value], about: Option<String>, at: At<'d>, node: &'d Node) {
        let candidates: Vec<&Value> = variants.iter().filter(|variant| self.accepts_type_resolved(variant, node)).collect();
        let mut best: Option<(Vec<Finding>, &Value)> = None;
        for candidate in candidates {
            let mut trial = Checker { path: self.path.clone(), findings: Vec::new(), definitions: self.definitions, ..*self };
            trial.visit(candidate, at);
            if best.as_ref().is_none_or(|(findings, _)| trial.findings.len() < findings.len()) {
                best = Some((trial.findings, candidate));
            }
        }
        match best {
            Some((findings, variant)) => {
                if self.own_keys == OwnKeys::Refused && findings.is_empty() && variant.get(OWN_KEY_MARK).is_some() {
                    let form = self.form(variant);
                    return self.own_key_refused(at.start, &form);
                }
                self.findings.extend(findings);
            }
            None => {
                let mut kinds: Vec<String> = variants.iter().filter_map(|variant| self.resolve(variant)).map(describe).collect();
                kinds.dedup();
                self.wrong_type(&kinds.join(" or "), about, at, node);
            }
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
        let about = about.unwrap_or_default();
        self.find(at.start, format!("{here} must be {wanted}, not {}", node.kind()), format!("write {wanted}{about}"));
    }

    fn unknown_key(&mut self, name: &str, at: At<'d>, properties: &Map<String, Value>) {
        let known = || {
            properties
                .iter()
                .filter(|(_, property)| self.own_keys == OwnKeys::Allowed || property.get(OWN_KEY_MARK).is_none())
                .map(|(name, _)| name.as_str())
        };
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
        let about = property.and_then(about).unwrap_or_default();
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

    fn accepts_type_resolved(&self, schema: &Value, node: &Node) -> bool {
        let Some(schema) = self.resolve_any(schema) else {
            return true;
        };
        match variants(schema) {
            Some(variants) if literals(schema).is_none() => variants.iter().any(|variant| self.accepts_type_resolved(variant, node)),
            _ => accepts_type(schema, node),
        }
    }

    /// The required keys of a variant, which is what its authors call it.
    fn form(&self, variant: &Value) -> String {
        let required = self.resolve_any(variant).and_then(|schema| schema.get("required")).and_then(Value::as_array);
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        names.collect::<Vec<_>>().join(", ")
    }

    fn resolve(&self, schema: &'s Value) -> Option<&'s Map<String, Value>> {
        resolve(schema, self.definitions)
    }

    fn resolve_any<'a>(&self, schema: &'a Value) -> Option<&'a Map<String, Value>>
    where
        's: 'a,
    {
        resolve(schema, self.definitions)
    }
}

/// Follows `$ref` into the definitions; `None` for a schema that accepts everything.
fn resolve<'a>(schema: &'a Value, definitions: Option<&'a Value>) -> Option<&'a Map<String, Value>> {
    let schema = schema.as_object()?;
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => definitions?.get(reference.rsplit('/').next()?)?.as_object(),
        None => Some(schema),
    }
}

fn variants(schema: &Map<String, Value>) -> Option<&[Value]> {
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    list.as_array().map(Vec::as_slice)
}

/// The values of an enumeration, if the schema is one.
fn literals(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    if let Some(value) = schema.get("const") {
        return Some(vec![value]);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().collect());
    }
    let nested = variants(schema)?.iter().map(|variant| literals(variant.as_object()?));
    Some(nested.collect::<Option<Vec<_>>>()?.concat())
}

/// What a table's schema says of keys that it does not name.
fn additional(schema: &Map<String, Value>) -> Option<&Value> {
    schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"))
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn accepts_type(schema: &Map<String, Value>, node: &Node) -> bool {
    let types = types(schema);
    let name = match node.value {
        NodeValue::String(_) => "string",
        NodeValue::Integer(_) => "integer",
        NodeValue::Float(_) => "number",
        NodeValue::Boolean(_) => "boolean",
        NodeValue::Datetime(_) => "datetime",
        NodeValue::Array(_) => "array",
        NodeValue::Table(_) => "object",
    };
    types.is_empty() || types.contains(&name) || (name == "integer" && types.contains(&"number"))
}

fn describe(schema: &Map<String, Value>) -> String {
    let names = types(schema).into_iter().map(|name| match name {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "an array",
        _ => "a table",
    });
    names.collect::<Vec<_>>().join(" or ")
}

/// The first sentence of a schema's description.
fn about(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let paragraph = text.split("\n\n").next()?.replace('\n', " ");
    let sentence = paragraph.split(". ").next()?.trim_end_matches('.');
    (!sentence.is_empty()).then(|| format!(": {sentence}"))
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
