//! The walk over a tree and its shape.

use super::OwnKeys;
use super::shape::{Additional, Part, Shape, tag};
use crate::document::nearest;
use crate::document::node::{At, Node, NodeValue};

/// After this many findings the check ends: far fewer are shown, and hostile text could make a million.
const FINDINGS_MAX: usize = 1_000;

/// Walks a tree and its shape together.
pub(super) struct Checker<'d> {
    own_keys: OwnKeys,
    /// The keys and the nodes that lead to the one being checked.
    path: Vec<(&'d str, u32)>,
    findings: Vec<Finding>,
}

/// Something that does not fit the shape.
pub(super) struct Finding {
    pub(super) start: usize,
    pub(super) message: String,
    pub(super) remedy: String,
    /// The faulty node and those around it.
    pub(super) nodes: Vec<u32>,
}

impl<'d> Checker<'d> {
    pub(super) fn new(own_keys: OwnKeys) -> Self {
        Self { own_keys, path: Vec::new(), findings: Vec::new() }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Checks a value and all beneath it.
    pub(super) fn visit(&mut self, part: &Part, at: At<'d>) {
        let Some(node) = at.node else {
            return;
        };
        if self.is_full() {
            return;
        }
        let shape = part.shape;
        if !shape.literals.is_empty() {
            return self.visit_literal(shape.literals, at, node);
        }
        if !shape.variants.is_empty() {
            return self.visit_variants(part, at, node);
        }
        if !shape.accepts_type(node) {
            return self.wrong_type(&shape.describe(), part, at, node);
        }
        match &node.value {
            NodeValue::Table(_) => self.visit_table(shape, at, node),
            NodeValue::Array(items) => {
                let Some(item_part) = &shape.items else {
                    return;
                };
                for item in items {
                    self.path.push(("", item.id));
                    self.visit(item_part, At::item_node(item));
                    self.path.pop();
                }
            }
            NodeValue::Integer(number) => self.visit_integer(shape, *number, at),
            _ => {}
        }
    }

    fn visit_table(&mut self, shape: &Shape, at: At<'d>, node: &'d Node) {
        for entry in node.entries() {
            if self.is_full() {
                return;
            }
            let child = At::entry(entry);
            self.path.push((&entry.name, entry.node.id));
            match (shape.property(&entry.name), &shape.additional) {
                (Some(property), _) if self.refuses(property) => self.own_key_refused(child.key, &entry.name),
                (Some(part), _) | (None, Additional::Each(part)) => self.visit(part, child),
                (None, Additional::Closed) => self.unknown_key(&entry.name, child, shape),
                (None, Additional::Open) => {}
            }
            self.path.pop();
        }
        for name in shape.required {
            if node.get(name).is_none() {
                self.missing(name, shape.property(name), at);
            }
        }
    }

    /// Checks against the variant that fits best, so that the advice is about what the author had in mind.
    fn visit_variants(&mut self, part: &Part, at: At<'d>, node: &'d Node) {
        let variants = part.shape.variants;
        let candidates: Vec<&Part> = variants.iter().filter(|variant| could_be(variant.shape, node)).collect();
        if let Some((tag, literals)) = tag(&candidates) {
            let found = node.get(tag).and_then(Node::as_str);
            let chosen = literals.iter().position(|literal| Some(*literal) == found);
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
        let mut best: Option<(Vec<Finding>, &Part)> = None;
        for candidate in &candidates {
            let mut trial = Checker { path: self.path.clone(), findings: Vec::new(), ..*self };
            trial.visit(candidate, at);
            if best.as_ref().is_none_or(|(findings, _)| trial.findings.len() < findings.len()) {
                best = Some((trial.findings, candidate));
            }
        }
        let Some((findings, variant)) = best else {
            let mut kinds: Vec<String> = variants.iter().map(|variant| variant.shape.describe()).collect();
            kinds.dedup();
            return self.wrong_type(&kinds.join(" or "), part, at, node);
        };
        if findings.is_empty() {
            if self.refuses(variant) {
                self.own_key_refused(at.start, &variant.shape.required.join(", "));
            }
        } else if candidates.len() > 1 && !shares_key(variant.shape, node) {
            let here = self.here();
            let forms: Vec<String> = candidates.iter().filter(|each| !self.refuses(each)).map(|each| form(each.shape)).collect();
            self.find(at.start, format!("{here} has none of the forms that it can take"), format!("write {}", forms.join(", or ")));
        } else {
            self.findings.extend(findings);
        }
    }

    fn visit_literal(&mut self, literals: &[&str], at: At<'d>, node: &Node) {
        if node.as_str().is_some_and(|text| literals.contains(&text)) {
            return;
        }
        let known: Vec<String> = literals.iter().map(|literal| format!("`{literal}`")).collect();
        let here = self.here();
        self.find(at.start, format!("`{}` is not a value of {here}", plain(node)), format!("use {}", known.join(" or ")));
    }

    fn visit_integer(&mut self, shape: &Shape, number: i64, at: At<'d>) {
        let (minimum, maximum) = (shape.integer_min, shape.integer_max);
        if number < minimum || number > maximum {
            let here = self.here();
            let remedy = match maximum {
                i64::MAX => format!("use a number of at least {minimum}"),
                _ => format!("use a number from {minimum} to {maximum}"),
            };
            self.find(at.start, format!("{number} is out of range for {here}"), remedy);
        }
    }

    fn wrong_type(&mut self, wanted: &str, part: &Part, at: At<'d>, node: &Node) {
        let here = self.here();
        let remedy = match node.value {
            // The usual slip is one pair of brackets too few.
            NodeValue::Table(_) if wanted == "an array" => {
                format!("write `[[{}]]` as the header of the table, or put brackets around the value", here.trim_matches('`'))
            }
            _ => format!("write {wanted}{}", part.after_colon()),
        };
        self.find(at.start, format!("{here} must be {wanted}, not {}", node.kind()), remedy);
    }

    fn unknown_key(&mut self, name: &str, at: At<'d>, shape: &Shape) {
        let known = || shape.properties.iter().filter(|(_, property)| !self.refuses(property)).map(|(name, _)| *name);
        let remedy = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the known keys are {}", quoted(known())),
        };
        let table = self.around();
        self.find(at.key, format!("unknown key `{name}` in {table}"), remedy);
    }

    fn missing(&mut self, name: &str, property: Option<&Part>, at: At<'d>) {
        let here = self.here();
        let place = if self.path.is_empty() { String::new() } else { format!(" in {here}") };
        let about = property.map(Part::after_colon).unwrap_or_default();
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

    /// Whether this part is for `coracle.toml` only, and the manifest is another one.
    fn refuses(&self, part: &Part) -> bool {
        self.own_keys == OwnKeys::Refused && part.own
    }
}

/// Whether a value is at least of a type that the shape accepts.
fn could_be(shape: &Shape, node: &Node) -> bool {
    if shape.variants.is_empty() {
        return shape.accepts_type(node);
    }
    shape.variants.iter().any(|variant| could_be(variant.shape, node))
}

/// Whether a table has at least one key that this variant knows.
fn shares_key(variant: &Shape, node: &Node) -> bool {
    variant.properties.is_empty() || variant.properties.iter().any(|(key, _)| node.get(key).is_some())
}

/// What a variant looks like.
fn form(variant: &Shape) -> String {
    let kind = variant.describe();
    let required: Vec<String> = variant.required.iter().map(|key| format!("`{key}`")).collect();
    if required.is_empty() { kind } else { format!("{kind} with {}", required.join(" and ")) }
}

fn dotted(path: &[(&str, u32)]) -> String {
    let keys: Vec<&str> = path.iter().map(|(key, _)| *key).filter(|key| !key.is_empty()).collect();
    if keys.is_empty() { "the manifest".to_owned() } else { format!("`{}`", keys.join(".")) }
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn plain(node: &Node) -> String {
    let value = node.to_json();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
