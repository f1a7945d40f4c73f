//! Rewrites a tree of version 1 into one of version 2. Keys and values keep their places, so that an error found
//! later still points at what the author wrote.

use std::collections::HashSet;

use super::allowed_http_hosts;
use crate::document::{At, Entry, Node, NodeValue, Problems};
use crate::model::ComponentId;

/// What version 1 allowed every component that does not name its outbound hosts.
const DATABASES: [&str; 3] = ["redis://*:*", "mysql://*:*", "postgres://*:*"];

/// The keys that have moved into `[application]`.
const APPLICATION_KEYS: [&str; 4] = ["name", "version", "description", "authors"];

/// Rewrites a tree whose structure was checked.
pub(super) fn to_v2(mut root: Node, problems: &mut Problems<'_>) -> Node {
    let mut application: Vec<Entry> = APPLICATION_KEYS.iter().filter_map(|key| root.take(key)).collect();
    let (kind, settings) = trigger_kind(&mut root);
    let settings_start = settings.start;
    application.push(entry("trigger", settings_start, vec![Entry { name: kind.clone(), ..settings }]));

    let mut ids = HashSet::new();
    let mut components: Vec<Entry> = Vec::new();
    let mut triggers = Vec::new();
    let list = root.take("component").map(|entry| entry.node.value);
    if let Some(NodeValue::Array(tables)) = list {
        for table in tables {
            let (component, trigger) = component(table, problems);
            if !ids.insert(component.name.clone()) {
                problems.error(
                    component.start,
                    format!("cannot have duplicate component IDs: {}", component.name),
                    "give each component an id of its own",
                );
            }
            components.push(component);
            triggers.push(trigger);
        }
    }
    let kinds = Node::synthetic(settings_start, NodeValue::Array(triggers));
    let mut entries = vec![
        entry("application", 0, application),
        entry("trigger", settings_start, vec![Entry { name: kind, start: settings_start, node: kinds }]),
        entry("component", 0, components),
    ];
    entries.extend(root.take("variables"));
    Node::synthetic(0, NodeValue::Table(entries))
}

/// The kind of trigger, and the other keys of `trigger` as the settings of that kind.
fn trigger_kind(root: &mut Node) -> (String, Entry) {
    let mut settings = root.take("trigger").unwrap_or_else(|| entry("trigger", 0, Vec::new()));
    let kind = settings.node.take("type");
    let kind = kind.as_ref().and_then(|kind| kind.node.as_str()).unwrap_or_default().to_owned();
    (kind, settings)
}

/// The component's entry and its trigger.
fn component(mut table: Node, problems: &mut Problems<'_>) -> (Entry, Node) {
    let written = table.take("id");
    let start = written.as_ref().map_or(table.start, |id| id.node.start);
    let id = component_id(written.as_ref().and_then(|id| id.node.as_str()).unwrap_or_default());
    let mut trigger = table.take("trigger").map_or_else(|| Node::synthetic(start, NodeValue::Table(vec![])), |t| t.node);
    trigger.set("id", start, Node::string(format!("trigger-{id}"), start));
    trigger.set("component", start, Node::string(id.clone(), start));
    if let Some(config) = table.take("config") {
        table.set("variables", config.start, config.node);
    }
    allow_hosts(&mut table, problems);
    (Entry { name: id, start, node: table }, trigger)
}

fn component_id(id: &str) -> String {
    if ComponentId::parse(id).is_ok() { id.to_owned() } else { id.replace('_', "-").to_lowercase() }
}

/// Replaces `allowed_http_hosts` by entries of `allowed_outbound_hosts`.
fn allow_hosts(table: &mut Node, problems: &mut Problems<'_>) {
    let old = table.take("allowed_http_hosts");
    let new = table.take("allowed_outbound_hosts");
    let start = new.as_ref().or(old.as_ref()).map_or(table.start, |entry| entry.start);
    let mut hosts = match new.map(|entry| entry.node.value) {
        Some(NodeValue::Array(hosts)) => hosts,
        _ => DATABASES.iter().map(|host| Node::string(*host, start)).collect(),
    };
    if let Some(old) = &old {
        let entries: Vec<String> = old.node.items().iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
        let converted = allowed_http_hosts::convert(&entries, At::entry(old), problems);
        hosts.extend(converted.into_iter().map(|host| Node::string(host, old.start)));
    }
    table.set("allowed_outbound_hosts", start, Node::synthetic(start, NodeValue::Array(hosts)));
}

fn entry(name: &str, start: usize, entries: Vec<Entry>) -> Entry {
    Entry { name: name.to_owned(), start, node: Node::synthetic(start, NodeValue::Table(entries)) }
}
