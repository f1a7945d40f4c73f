//! The keys of a component that become grants, by the name of the capability that they are for. What a grant means is
//! the capability's own business; here only names and templates are checked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::component::{Surroundings, list};
use super::reader::Reader;
use super::tables::{ComponentTable, MessagingTable};
use crate::document::{At, nearest};
use crate::formats::spin_v1::allowed_http_hosts;
use crate::model::{Component, NameStyle};
use crate::problem::Places;
use crate::template::Template;

/// A component with more outbound hosts than this is refused; the wildcard for components counts as each of them.
const OUTBOUND_HOSTS_MAX: usize = 2_048;

/// Where the components of an application find each other.
const INTERNAL_DOMAIN: &str = ".spin.internal";

/// Each capability that has a key of its own, and that key.
const KEYS: [(&str, &str); 8] = [
    ("ai-models", "ai_models"),
    ("blob-store", "blob_stores"),
    ("environment", "environment"),
    ("key-value", "key_value_stores"),
    ("messaging", "messaging"),
    ("outbound-hosts", "allowed_outbound_hosts"),
    ("sqlite", "sqlite_databases"),
    ("variables", "variables"),
];

/// What the component may do.
pub(super) fn lower(table: &ComponentTable, at: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) -> BTreeMap<String, Value> {
    check_environment(&table.environment, at.child("environment"), reader);
    check_variables(&table.variables, at.child("variables"), around, reader);
    check_names(NameStyle::Label, "key-value store", &table.key_value_stores, at.child("key_value_stores"), reader);
    check_names(NameStyle::Label, "SQLite database", &table.sqlite_databases, at.child("sqlite_databases"), reader);
    check_names(NameStyle::Label, "blob store", &table.blob_stores, at.child("blob_stores"), reader);
    check_messaging(table.messaging.as_ref(), at.child("messaging"), reader);
    check_models(&table.ai_models, at.child("ai_models"), reader);
    let hosts = outbound_hosts(table, at, around, reader);
    let granted = [
        ("ai-models", list(&table.ai_models)),
        ("blob-store", list(&table.blob_stores)),
        ("environment", map(&table.environment)),
        ("key-value", list(&table.key_value_stores)),
        ("messaging", table.messaging.as_ref().and_then(messaging)),
        ("outbound-hosts", list(&hosts)),
        ("sqlite", list(&table.sqlite_databases)),
        ("variables", map(&table.variables)),
    ];
    let mut grants: BTreeMap<String, Value> = granted.into_iter().filter_map(|(name, grant)| Some((name.to_owned(), grant?))).collect();
    for (name, grant) in &table.capabilities {
        if grants.contains_key(name) {
            let key = KEYS.iter().find(|(capability, _)| capability == name).map_or("", |(_, key)| key);
            reader.problems.error(
                at.child("capabilities").child(name).key,
                format!("capability `{name}` is granted twice"),
                format!("keep either `{key}` or `capabilities.{name}`"),
            );
        }
        grants.insert(name.clone(), grant.clone());
    }
    grants
}

/// Where the keys of a component stand, those of grants under the names of their capabilities too.
pub(super) fn places(at: At<'_>, reader: &Reader<'_, '_>) -> Places {
    let mut places = reader.problems.places(at);
    let old = [("outbound-hosts", at.child("allowed_http_hosts"))];
    let own = KEYS.into_iter().map(|(capability, key)| (capability.to_owned(), at.child(key)));
    let further = at.child("capabilities").entries().map(|(name, at)| (name.to_owned(), at));
    for (name, at) in old.map(|(name, at)| (name.to_owned(), at)).into_iter().chain(own).chain(further) {
        if at.node.is_some() {
            places.insert(name, reader.problems.place(at.key));
        }
    }
    places
}

/// The keys of the manifest that give a component permissions or resources of its own.
pub(super) fn manifest_keys(component: &Component) -> Vec<String> {
    let mut keys: Vec<String> = component
        .grants
        .keys()
        .map(|name| match KEYS.iter().find(|(capability, _)| capability == name) {
            Some((_, key)) => (*key).to_owned(),
            None => format!("capabilities.{name}"),
        })
        .collect();
    if !component.files.is_empty() {
        keys.push("files".to_owned());
    }
    if !component.dependencies.is_empty() {
        keys.push("dependencies".to_owned());
    }
    keys.sort();
    keys
}

fn map(entries: &BTreeMap<String, String>) -> Option<Value> {
    let table: Map<String, Value> = entries.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    (!table.is_empty()).then_some(Value::Object(table))
}

fn messaging(table: &MessagingTable) -> Option<Value> {
    match table {
        MessagingTable::Labels(labels) => list(labels),
        MessagingTable::Subjects(table) => {
            let entries: Map<String, Value> =
                table.iter().map(|(label, subjects)| (label.clone(), Value::from(subjects.clone()))).collect();
            (!entries.is_empty()).then_some(Value::Object(entries))
        }
    }
}

fn check_messaging(table: Option<&MessagingTable>, at: At<'_>, reader: &mut Reader<'_, '_>) {
    match table {
        Some(MessagingTable::Labels(labels)) => check_names(NameStyle::Label, "broker", labels, at, reader),
        Some(MessagingTable::Subjects(_)) => {
            for (label, at) in at.entries() {
                reader.check_name(NameStyle::Label, "broker", label, at.key);
            }
        }
        None => {}
    }
}

fn check_names(style: NameStyle, what: &str, names: &[String], at: At<'_>, reader: &mut Reader<'_, '_>) {
    for (index, name) in names.iter().enumerate() {
        reader.check_name(style, what, name, at.item(index).start);
    }
}

/// Models have the names that their makers gave them, such as `gpt-oss:20b`.
fn check_models(models: &[String], at: At<'_>, reader: &mut Reader<'_, '_>) {
    for (index, model) in models.iter().enumerate() {
        if model.is_empty() || model.chars().any(char::is_control) {
            reader.problems.error(at.item(index).start, format!("`{model}` cannot be the name of a model"), "write the model's name");
        }
    }
}

fn check_environment(environment: &BTreeMap<String, String>, at: At<'_>, reader: &mut Reader<'_, '_>) {
    for (name, value) in environment {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            reader.problems.error(
                at.child(name).key,
                format!("`{name}` cannot be an environment variable"),
                "use a name without `=`, and no NUL in name or value",
            );
        }
    }
}

fn check_variables(variables: &BTreeMap<String, String>, at: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) {
    for (name, at) in at.entries() {
        let Some(template) = variables.get(name) else { continue };
        reader.check_name(NameStyle::LowerSnake, "variable", name, at.key);
        check_template(template, at, around, reader);
    }
}

/// Checks the braces, and that each variable is one of the application's.
fn check_template(text: &str, at: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            return reader.problems.error(at.start, error.to_string(), "variables are written as `{{ name }}`");
        }
    };
    for name in template.variables().filter(|name| !around.variables.contains(name)) {
        let remedy = match nearest(name, around.variables.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it: `[variables]` and `{name} = {{ required = true }}`"),
        };
        reader.problems.error(at.start, format!("unknown variable `{name}` in template"), remedy);
    }
}

fn outbound_hosts(table: &ComponentTable, at: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for (index, host) in table.allowed_outbound_hosts.iter().enumerate() {
        check_template(host, at.child("allowed_outbound_hosts").item(index), around, reader);
        match any_component(host) {
            Some((scheme, port)) => hosts.extend(around.components.iter().map(|id| format!("{scheme}{id}{INTERNAL_DOMAIN}{port}"))),
            None => hosts.push(host.clone()),
        }
        if hosts.len() > OUTBOUND_HOSTS_MAX {
            let message = format!("a component may have at most {OUTBOUND_HOSTS_MAX} outbound hosts");
            reader.problems.error(at.child("allowed_outbound_hosts").key, message, "use wildcards, such as `https://*.example.com`");
            return hosts;
        }
    }
    if !table.allowed_http_hosts.is_empty() {
        let at = at.child("allowed_http_hosts");
        let converted = allowed_http_hosts::convert(&table.allowed_http_hosts, at, reader.problems);
        reader.problems.warn(at.key, format!("`allowed_http_hosts` is deprecated; write `allowed_outbound_hosts = {converted:?}`"));
        hosts.extend(converted);
    }
    hosts
}

/// Takes `http://*.spin.internal` apart, which stands for every component of the application: what is before the
/// component's id, and what is after the domain.
fn any_component(host: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = host.split_at_checked(host.find("://")? + "://".len())?;
    let after = rest.strip_prefix('*')?.strip_prefix(INTERNAL_DOMAIN)?;
    (after.is_empty() || after.starts_with([':', '/'])).then_some((scheme, after))
}
