//! Lowers triggers. The settings of HTTP triggers are checked here too, so that their errors have a place; those of
//! other kinds are handed on as they are.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::component::Surroundings;
use super::dependency::{check_target, lower_middleware};
use super::reader::Reader;
use super::tables::{ComponentRef, TriggerDependencyTable, TriggerTable};
use crate::document::At;
use crate::http::{HttpTrigger, RouteEntry, RouteTable};
use crate::model::{Component, ComponentId, DependencySource, Format, Middleware, NameStyle, Trigger};

/// The kind whose settings are known here.
const HTTP: &str = "http";
/// The only role that a trigger's dependencies can have.
const MIDDLEWARE: &str = "middleware";

/// Lowers every trigger, kind by kind.
pub(super) fn lower_all(kinds: At<'_>, components: &[Component], around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) -> Vec<Trigger> {
    let mut ids = HashSet::new();
    let mut triggers: Vec<(Trigger, At<'_>)> = Vec::new();
    for (kind, at) in kinds.entries() {
        for at in at.items() {
            let Some(table) = reader.read::<TriggerTable>(at) else {
                continue;
            };
            let trigger = lower(kind, table, at, (components, around), reader);
            if !ids.insert(trigger.id.clone()) {
                reader.problems.warn(at.child("id").start, format!("two triggers have the id `{}`; give each its own", trigger.id));
            }
            triggers.push((trigger, at));
        }
    }
    check_routes(&triggers, reader);
    triggers.into_iter().map(|(trigger, _)| trigger).collect()
}

fn lower(
    kind: &str,
    mut table: TriggerTable,
    at: At<'_>,
    (components, around): (&[Component], &Surroundings<'_>),
    reader: &mut Reader<'_, '_>,
) -> Trigger {
    let component = table.component.and_then(|component| reference(component, at.child("component"), around, reader));
    let mut roles = BTreeMap::new();
    for (role, at) in at.child("components").entries() {
        let Some(references) = table.components.remove(role) else { continue };
        let references = references.into_vec().into_iter().enumerate();
        let ids: Vec<ComponentId> =
            references.filter_map(|(index, component)| reference(component, at.item(index), around, reader)).collect();
        roles.insert(role.to_owned(), ids);
    }
    let middleware = middleware(table.dependencies, at.child("dependencies"), reader);
    for (index, step) in middleware.iter().enumerate() {
        if let DependencySource::Component(target) = &step.source {
            let at = at.child("dependencies").child(MIDDLEWARE).item(index).child("component");
            check_target(target, &table.id, components, around, at, reader);
        }
    }
    let trigger = Trigger {
        id: table.id,
        kind: kind.to_owned(),
        component,
        components: roles,
        middleware,
        config: Value::Object(table.config),
        places: reader.problems.places(at),
    };
    if kind == HTTP && !reader.is_touched(at) {
        check_http(&trigger, at, reader);
    }
    trigger
}

fn reference(component: ComponentRef, at: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) -> Option<ComponentId> {
    // Tables written in place have become entries of their own by now.
    let ComponentRef::Id(id) = component else {
        return None;
    };
    if !reader.check_name(NameStyle::Kebab, "component id", &id, at.start) {
        return None;
    }
    if !around.components.contains(&id.as_str()) {
        super::unknown_component(&id, around, at, reader);
        return None;
    }
    ComponentId::parse(&id).ok()
}

fn middleware(tables: BTreeMap<String, Vec<TriggerDependencyTable>>, at: At<'_>, reader: &mut Reader<'_, '_>) -> Vec<Middleware> {
    let mut steps = Vec::new();
    for (role, tables) in tables {
        let at = at.child(&role);
        if role != MIDDLEWARE {
            reader.problems.error(at.key, format!("unknown trigger dependency role `{role}`"), format!("the only role is `{MIDDLEWARE}`"));
            continue;
        }
        for (index, table) in tables.into_iter().enumerate() {
            steps.extend(lower_middleware(table, at.item(index), reader));
        }
    }
    steps
}

fn check_http(trigger: &Trigger, at: At<'_>, reader: &mut Reader<'_, '_>) {
    match HttpTrigger::parse(trigger) {
        Ok(http) => {
            // A reference that was found wrong above has left `component` empty; that is not a second fault.
            let component = at.child("component");
            let both = component.node.is_some() && http.static_response.is_some();
            let neither = component.node.is_none() && http.static_response.is_none();
            if both || neither {
                let message = format!("trigger `{}` must have exactly one of `component` and `static_response`", trigger.id);
                let remedy = if both { "remove one of the two" } else { "add `component = \"…\"`" };
                reader.problems.error(component.start, message, remedy);
            }
            if component.node.is_none() && !trigger.middleware.is_empty() {
                let message = format!("trigger `{}` has middleware and no component for it to call", trigger.id);
                reader.problems.error(at.child("dependencies").key, message, "add `component = \"…\"`, or remove the middleware");
            }
        }
        Err(error) => {
            let message = format!("trigger `{}`: {error}", trigger.id);
            reader.problems.error(at.child(error.key()).start, message, error.remedy());
        }
    }
}

/// Warns of routes that hide each other, and of those that can never be reached.
fn check_routes(triggers: &[(Trigger, At<'_>)], reader: &mut Reader<'_, '_>) {
    let routed = triggers.iter().filter(|(trigger, _)| trigger.kind == HTTP);
    let entries = routed.filter_map(|(trigger, at)| {
        let HttpTrigger { route, hosts, methods, .. } = HttpTrigger::parse(trigger).ok()?;
        Some(RouteEntry { id: trigger.id.clone(), route: route?, hosts, methods, value: *at })
    });
    let (table, doubts) = RouteTable::build(entries);
    for (index, message) in doubts {
        let at = table.entries().nth(index).map(|entry| entry.value.child("route"));
        reader.problems.warn(at.map_or(0, |at| at.start), message);
    }
}

/// Checks `[application.trigger.http]`.
pub(super) fn check_settings(at: At<'_>, format: Format, reader: &mut Reader<'_, '_>) {
    for (key, at) in at.child(HTTP).entries() {
        let value = at.node.and_then(|node| node.as_str());
        match (key, value) {
            // Every manifest of version 1 has it, so that a warning would only be noise.
            ("base", Some("/")) if format == Format::SpinV1 => {}
            ("base", Some("/")) => {
                reader.problems.warn(at.key, "`base` is deprecated and has no effect; remove it");
            }
            ("base", _) => reader.problems.error(
                at.start,
                "`base` must be \"/\": a common prefix of all routes is no longer supported",
                "remove `base` and write the prefix into each route",
            ),
            _ => reader.problems.error(
                at.key,
                format!("unknown key `{key}` in the settings of HTTP triggers"),
                "remove it; only `base = \"/\"` is known",
            ),
        }
    }
}
