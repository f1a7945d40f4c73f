//! Brings a tree into its normal form: every trigger has an id, components written in place are listed with the
//! others, and the chosen build profile is applied. Generated ids are stable across releases: logs name them.

use std::collections::HashSet;

use crate::document::{Entry, Node, NodeValue, Problems, nearest};
use crate::model::ComponentId;

/// Rewrites the tree in place; a profile that no component defines goes to `problems`.
pub(super) fn normalise(root: &mut Node, profile: Option<&str>, problems: &mut Problems<'_>) {
    assign_trigger_ids(root);
    lift_inline_components(root);
    if let Some(profile) = profile {
        apply_profile(root, profile, problems);
    }
}

fn assign_trigger_ids(root: &mut Node) {
    let Some(kinds) = root.get_mut("trigger") else {
        return;
    };
    let mut taken: HashSet<String> = kinds
        .entries()
        .iter()
        .flat_map(|kind| kind.node.items())
        .filter_map(|trigger| trigger.get("id")?.as_str().map(str::to_owned))
        .collect();
    for kind in kinds.entries_mut() {
        let mut counter = 1;
        for trigger in kind.node.items_mut() {
            if trigger.get("id").is_some_and(|id| id.as_str() != Some("")) {
                continue;
            }
            let natural = trigger
                .get("component")
                .and_then(Node::as_str)
                .map(|component| format!("{component}-{}-trigger", kind.name))
                .filter(|id| !taken.contains(id));
            let id = natural.unwrap_or_else(|| first_free(&format!("{}-trigger", kind.name), &mut counter, &taken));
            taken.insert(id.clone());
            let start = trigger.start;
            trigger.set("id", start, Node::string(id, start));
        }
    }
}

fn lift_inline_components(root: &mut Node) {
    let mut taken: HashSet<String> = root.get("component").map_or(&[][..], Node::entries).iter().map(|entry| entry.name.clone()).collect();
    let mut lifted = Vec::new();
    for kind in root.get_mut("trigger").map_or(&mut [][..], Node::entries_mut) {
        for trigger in kind.node.items_mut() {
            lift_from_trigger(trigger, &mut taken, &mut lifted);
        }
    }
    if lifted.is_empty() {
        return;
    }
    if root.get("component").is_none() {
        root.set("component", 0, Node::synthetic(0, NodeValue::Table(Vec::new())));
    }
    if let Some(NodeValue::Table(components)) = root.get_mut("component").map(|node| &mut node.value) {
        components.extend(lifted);
    }
}

fn lift_from_trigger(trigger: &mut Node, taken: &mut HashSet<String>, lifted: &mut Vec<Entry>) {
    let trigger_id = trigger.get("id").and_then(Node::as_str).unwrap_or_default().to_owned();
    let mut counter = 1;
    let mut places = component_places(trigger);
    let alone = places.len() == 1;
    for place in &mut places {
        if !matches!(place.value, NodeValue::Table(_)) {
            continue;
        }
        let natural = format!("{trigger_id}-component");
        let natural_fits = alone && !taken.contains(&natural) && ComponentId::parse(&natural).is_ok();
        let id = if natural_fits { natural } else { first_free("inline-component", &mut counter, taken) };
        taken.insert(id.clone());
        let start = place.start;
        let node = std::mem::replace(*place, Node::string(id.clone(), start));
        lifted.push(Entry { name: id, start, node });
    }
}

/// Every value of a trigger that refers to a component: `component`, then those of `components`.
fn component_places(trigger: &mut Node) -> Vec<&mut Node> {
    let mut single = Vec::new();
    let mut roles = Vec::new();
    for entry in trigger.entries_mut() {
        match entry.name.as_str() {
            "component" => single.push(&mut entry.node),
            "components" => {
                for role in entry.node.entries_mut() {
                    match &role.node.value {
                        NodeValue::Array(_) => roles.extend(role.node.items_mut()),
                        _ => roles.push(&mut role.node),
                    }
                }
            }
            _ => {}
        }
    }
    single.append(&mut roles);
    single
}

fn first_free(stem: &str, counter: &mut usize, taken: &HashSet<String>) -> String {
    loop {
        let id = format!("{stem}{counter}");
        if !taken.contains(&id) {
            return id;
        }
        *counter += 1;
    }
}

fn apply_profile(root: &mut Node, profile: &str, problems: &mut Problems<'_>) {
    let mut defined = false;
    let mut known: Vec<String> = Vec::new();
    for component in root.get_mut("component").map_or(&mut [][..], Node::entries_mut) {
        let profiles = component.node.get("profile").map_or(&[][..], Node::entries);
        known.extend(profiles.iter().map(|entry| entry.name.clone()));
        if let Some(overrides) = component.node.get("profile").and_then(|profiles| profiles.get(profile)).cloned() {
            defined = true;
            override_component(&mut component.node, overrides);
        }
    }
    if defined {
        return;
    }
    known.sort();
    known.dedup();
    let remedy = match nearest(profile, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "no component defines a profile; leave out `--profile`".to_owned(),
        None => format!("the defined profiles are {}", known.join(", ")),
    };
    problems.error(0, format!("profile `{profile}` is not defined in this application"), remedy);
}

fn override_component(component: &mut Node, overrides: Node) {
    let NodeValue::Table(entries) = overrides.value else {
        return;
    };
    for entry in entries {
        match entry.name.as_str() {
            "source" => component.set("source", entry.start, entry.node),
            "environment" | "dependencies" | "build" => merge(component, entry),
            _ => {}
        }
    }
}

/// Adds the entries of one table to the table of the same name; a key that is already there is replaced.
fn merge(component: &mut Node, overrides: Entry) {
    let NodeValue::Table(entries) = overrides.node.value else {
        return;
    };
    match component.get_mut(&overrides.name) {
        Some(table) => {
            for entry in entries {
                table.set(&entry.name, entry.start, entry.node);
            }
        }
        None => {
            let table = Node::synthetic(overrides.start, NodeValue::Table(entries));
            component.set(&overrides.name, overrides.start, table);
        }
    }
}
