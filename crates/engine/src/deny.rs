//! Imports that are answered with a refusal. Where a component is composed of parts that may do different things, the parts' imports
//! are renamed with [`denied_name`], and [`deny`] defines those names so that each call gives its interface's own "access denied".

use std::sync::Arc;

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};
use wasmtime::component::{Linker, LinkerInstance, ResourceType, Val};
use wasmtime::{Engine, Result};

use crate::{Component, Import, InstanceState};

/// What marks a denied import. It extends the namespace, so that the rest of the name, version included, stays as it was.
const PREFIX: &str = "coracle-denied-";

/// Error cases that mean a refusal, the closest first.
const REFUSALS: &[&str] = &[
    "access-denied",
    "HTTP-request-denied",
    "destination-not-allowed",
    "not-permitted",
    "access",
    "permission-denied",
    "other",
    "other-error",
    "connection-failed",
    "io",
    "runtime-error",
    "internal-error",
    "provider",
    "error",
];

/// The name under which a denied import of `name` is known: `wasi:cli/environment@0.2.6` becomes
/// `coracle-denied-wasi:cli/environment@0.2.6`.
#[must_use]
pub fn denied_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The name of the interface that `name` denies, if it denies one.
#[must_use]
pub fn undenied_name(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// Defines each import of `component` that has a [`denied_name`], and gives their names. A function whose result has an error answers
/// with it; one that gives a list or an option gives none; any other traps with an error that names the interface. Imports for which
/// `also` holds are denied under their own names. `linker` must be the component's own, because two components may have different
/// functions under one name.
///
/// # Errors
/// When the linker has one of the names already.
pub fn deny(linker: &mut Linker<InstanceState>, component: &Component, also: impl Fn(&Import) -> bool) -> Result<Vec<String>> {
    let (mut names, mut known) = (Vec::new(), Vec::new());
    // A program imports WASI 0.1 and nothing else.
    let Some(compiled) = component.compiled() else { return Ok(names) };
    let (engine, ty) = (compiled.engine().clone(), compiled.component_type());
    for (name, import) in ty.imports(&engine) {
        let reason: Arc<str> = match undenied_name(name) {
            Some(interface) => {
                format!("`{interface}` is denied to this dependency; let it inherit the configuration that grants it").into()
            }
            None if also(&Import::of(name, import.implements)) => {
                format!("`{name}` is denied; this version of the host does not have it").into()
            }
            None => {
                resources(&engine, &import.ty, &mut known);
                continue;
            }
        };
        match &import.ty {
            ComponentItem::ComponentInstance(instance) => {
                deny_instance(&mut linker.instance(name)?, &engine, &reason, instance, &mut known)?;
            }
            ComponentItem::ComponentFunc(_) => deny_function(&mut linker.root(), name, &reason)?,
            _ => continue,
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn deny_instance(
    linker: &mut LinkerInstance<'_, InstanceState>,
    engine: &Engine,
    reason: &Arc<str>,
    instance: &ComponentInstance,
    known: &mut Vec<ResourceType>,
) -> Result<()> {
    /// A resource of a denied interface. None is ever made.
    struct Denied;

    for (name, export) in instance.exports(engine) {
        match &export.ty {
            // A resource that an earlier import brought in is that import's; wasmtime finds it there.
            ComponentItem::Resource(resource) if !known.contains(resource) => {
                known.push(*resource);
                linker.resource(name, ResourceType::host::<Denied>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(function) if function.async_() => {
                let reason = Arc::clone(reason);
                linker.func_new_concurrent(name, move |_, ty, _, results| {
                    let answer = answer(&reason, &ty, results);
                    Box::pin(async move { answer })
                })?;
            }
            ComponentItem::ComponentFunc(_) => deny_function(linker, name, reason)?,
            _ => {}
        }
    }
    Ok(())
}

fn deny_function(linker: &mut LinkerInstance<'_, InstanceState>, name: &str, reason: &Arc<str>) -> Result<()> {
    let reason = Arc::clone(reason);
    linker.func_new(name, move |_, ty, _, results| answer(&reason, &ty, results))
}

/// Notes the resources that an import which is not denied brings in.
fn resources(engine: &Engine, item: &ComponentItem, known: &mut Vec<ResourceType>) {
    match item {
        ComponentItem::Resource(resource) => known.push(*resource),
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).for_each(|(_, export)| resources(engine, &export.ty, known));
        }
        _ => {}
    }
}

/// Fills in the refusal that the type of a function has, or traps with `reason`.
fn answer(reason: &str, ty: &ComponentFunc, results: &mut [Val]) -> Result<()> {
    let denied = || wasmtime::Error::msg(reason.to_owned());
    for (ty, result) in ty.results().zip(results) {
        *result = match ty {
            Type::Result(ty) => match ty.err() {
                None => Some(Val::Result(Err(None))),
                Some(error) => refusal(reason, &error).map(|error| Val::Result(Err(Some(Box::new(error))))),
            },
            Type::List(_) => Some(Val::List(Vec::new())),
            Type::Option(_) => Some(Val::Option(None)),
            _ => None,
        }
        .ok_or_else(denied)?;
    }
    if ty.results().len() == 0 { Err(denied()) } else { Ok(()) }
}

/// A value of the error type `ty` that says "denied", if it has one.
fn refusal(reason: &str, ty: &Type) -> Option<Val> {
    match ty {
        Type::String => Some(Val::String(reason.to_owned())),
        Type::Enum(ty) => {
            let found = REFUSALS.iter().find(|wanted| ty.names().any(|name| name == **wanted))?;
            Some(Val::Enum((*found).to_owned()))
        }
        Type::Variant(ty) => REFUSALS.iter().find_map(|wanted| {
            let case = ty.cases().find(|case| case.name == *wanted)?;
            let payload = match case.ty {
                None => None,
                Some(ty) => Some(Box::new(payload(reason, &ty)?)),
            };
            Some(Val::Variant((*wanted).to_owned(), payload))
        }),
        _ => None,
    }
}

fn payload(reason: &str, ty: &Type) -> Option<Val> {
    match ty {
        Type::String => Some(Val::String(reason.to_owned())),
        Type::Option(ty) => Some(Val::Option(match ty.ty() {
            Type::String => Some(Box::new(Val::String(reason.to_owned()))),
            _ => None,
        })),
        _ => None,
    }
}
