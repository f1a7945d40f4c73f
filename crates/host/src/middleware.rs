//! Middleware: components that a call passes through on its way from a trigger to the component that the trigger names. They become one
//! component with it, which no request can enter but through the outermost of them.

use std::collections::{BTreeMap, BTreeSet};

use coracle_app::{App, Component, ComponentId, DependencySource, Inherit, Middleware};
use coracle_engine::rename_imports;
use wac_graph::CompositionGraph;
use wac_graph::types::are_semver_compatible;

use crate::compose::{ComposeError, encode, listed, names, register, restricted};

/// The middleware of each component that has some, outermost first.
pub(crate) type Before = BTreeMap<ComponentId, Vec<Middleware>>;

/// One middleware with its bytes.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) middleware: &'a Middleware,
    pub(crate) bytes: Vec<u8>,
}

/// Gives each way in which triggers call a component an entry of its own in `app`: the first keeps the component's id, one without
/// middleware before all others, and the rest get ids made from it. `only` follows.
pub(crate) fn split(app: &mut App, only: &mut BTreeSet<ComponentId>) -> Before {
    let mut ways: BTreeMap<ComponentId, Vec<(ComponentId, Vec<Middleware>)>> = BTreeMap::new();
    let others: Vec<_> = app.triggers.iter().flat_map(|trigger| trigger.components.values().flatten()).collect();
    let plain = app.triggers.iter().filter(|trigger| trigger.middleware.is_empty()).filter_map(|trigger| trigger.component.as_ref());
    for id in others.into_iter().chain(plain) {
        ways.insert(id.clone(), vec![(id.clone(), Vec::new())]);
    }
    for trigger in &mut app.triggers {
        let Some(id) = trigger.component.clone() else { continue };
        let known = ways.entry(id.clone()).or_default();
        if let Some((way, _)) = known.iter().find(|(_, middleware)| *middleware == trigger.middleware) {
            trigger.component = Some(way.clone());
            continue;
        }
        let way = if known.is_empty() { Some(id.clone()) } else { variant(&mut app.components, &id) };
        known.extend(way.clone().map(|way| (way, trigger.middleware.clone())));
        if only.contains(&id) {
            only.extend(way.clone());
        }
        trigger.component = way;
    }
    ways.into_values().flatten().filter(|(_, middleware)| !middleware.is_empty()).collect()
}

/// Adds a copy of component `id` under a new name. `None` when there is no such component, which is told later.
fn variant(components: &mut Vec<Component>, id: &ComponentId) -> Option<ComponentId> {
    let original = components.iter().find(|component| component.id == *id)?;
    let is_free = |own: &ComponentId| components.iter().all(|component| component.id != *own);
    let own = (2..).find_map(|number: u32| ComponentId::parse(&format!("{id}-v{number}")).ok().filter(is_free))?;
    let copy = Component { id: own.clone(), ..original.clone() };
    components.push(copy);
    Some(own)
}

/// Puts `steps`, outermost first, before the component `id`.
///
/// # Errors
/// [`ComposeError`] when one of them passes nothing on that the next would take.
pub(crate) fn put_before(id: &str, component: Vec<u8>, steps: Vec<Step<'_>>) -> Result<Vec<u8>, ComposeError> {
    steps.into_iter().rev().try_fold(component, |inner, step| one(id, inner, &step))
}

fn one(id: &str, inner: Vec<u8>, step: &Step<'_>) -> Result<Vec<u8>, ComposeError> {
    let name = name_of(&step.middleware.source);
    let inherit: &Inherit = &step.middleware.inherit;
    let bytes = rename_imports(&step.bytes, |import| restricted(import, inherit))
        .map_err(|source| ComposeError::Restrict { dependency: name.clone(), source })?;
    let mut graph = CompositionGraph::new();
    let outer = register(&mut graph, "middleware", bytes)?;
    let inner = register(&mut graph, id, inner)?;
    let (imports, exports) = (names(&graph, outer, false), names(&graph, outer, true));
    let offered = names(&graph, inner, true);
    // What it both takes and gives is what passes through it.
    let passed = imports.iter().filter(|import| exports.iter().any(|export| is_same(import, export)));
    let pairs: Vec<_> = passed.filter_map(|import| Some((import, offered.iter().find(|export| is_same(import, export))?))).collect();
    if pairs.is_empty() {
        return Err(ComposeError::NotBetween {
            middleware: name,
            component: id.to_owned(),
            imports: listed(&imports),
            exports: listed(&exports),
            offered: listed(&offered),
        });
    }
    let (calling, called) = (graph.instantiate(outer), graph.instantiate(inner));
    for (import, export) in pairs {
        let mismatch = |source| ComposeError::Mismatch { component: id.to_owned(), dependency: name.clone(), source };
        let alias = graph.alias_instance_export(called, export).map_err(|error| mismatch(error.into()))?;
        graph.set_instantiation_argument(calling, import, alias).map_err(|error| mismatch(error.into()))?;
    }
    encode(&mut graph, id, (outer, calling))
}

fn is_same(one: &str, other: &str) -> bool {
    one == other || are_semver_compatible(one, other)
}

/// How the manifest names it.
pub(crate) fn name_of(source: &DependencySource) -> String {
    match source {
        DependencySource::Path { path } => path.clone(),
        DependencySource::Url { url, .. } => url.clone(),
        DependencySource::Registry { package, .. } => package.clone(),
        DependencySource::Component(id) => id.to_string(),
    }
}
