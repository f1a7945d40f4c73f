//! Lowers dependencies and checks that they are complete, do not overlap, and ask for nothing of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::component::{Surroundings, check_package, check_url, parse_digest};
use super::grants;
use super::reader::Reader;
use super::tables::{DependencyTable, InheritTable, TriggerDependencyTable};
use crate::document::{At, nearest};
use crate::model::{
    Component, ComponentId, Dependency, DependencyName, DependencySource, Format, Inherit, InheritKey, Middleware, NameStyle,
};

/// A component with more dependencies than this is refused.
const DEPENDENCIES_MAX: usize = 256;

/// Lowers the dependencies of one component or profile.
pub(super) fn lower_all(
    tables: BTreeMap<String, DependencyTable>,
    inherit_all: bool,
    at: At<'_>,
    reader: &mut Reader<'_, '_>,
) -> Vec<Dependency> {
    if tables.len() > DEPENDENCIES_MAX {
        let message = format!("{} dependencies are more than the {DEPENDENCIES_MAX} that one component may have", tables.len());
        reader.problems.error(at.key, message, "split the component");
        return Vec::new();
    }
    let mut dependencies: Vec<Dependency> = Vec::new();
    for (key, table) in tables {
        let at = at.child(&key);
        let name = match DependencyName::parse(&key) {
            Ok(name) => name,
            Err(error) => {
                reader.problems.error(
                    at.key,
                    error.to_string(),
                    "name the import, such as \"my:package/interface@1.0.0\" or \"my-import\"",
                );
                continue;
            }
        };
        if let Some(other) = dependencies.iter().find(|other| other.name.conflicts_with(&name)) {
            reader.problems.error(
                at.key,
                format!("`{name}` dependency conflicts with `{}`", other.name),
                "name different interfaces, or versions that are not compatible with each other",
            );
        }
        dependencies.extend(lower(name, table, inherit_all, at, reader));
    }
    dependencies
}

fn lower(name: DependencyName, table: DependencyTable, inherit_all: bool, at: At<'_>, reader: &mut Reader<'_, '_>) -> Option<Dependency> {
    let names_whole_package = matches!(name, DependencyName::Package { interface: None, .. });
    let (source, export, inherit) = match table {
        DependencyTable::Version(version) => (registry(&name, None, None, &version, at.start, reader), None, None),
        DependencyTable::Package { version, registry: host, package, export, inherit_configuration } => {
            if let Some(package) = &package {
                check_package(package, at, reader);
            }
            let start = at.child("version").start;
            (registry(&name, host, package, &version, start, reader), export, inherit_configuration)
        }
        DependencyTable::Path { path, export, inherit_configuration } => {
            (Some(DependencySource::Path { path }), export, inherit_configuration)
        }
        DependencyTable::Url { url, digest, export, inherit_configuration } => {
            check_url(&url, at, reader);
            let digest = parse_digest(&digest, at, reader);
            (Some(DependencySource::Url { url, digest }), export, inherit_configuration)
        }
        DependencyTable::Component { component, export, inherit_configuration } => {
            (component_source(&component, at, reader), export, inherit_configuration)
        }
    };
    let is_package_or_path = matches!(source, Some(DependencySource::Registry { .. } | DependencySource::Path { .. }));
    if names_whole_package && is_package_or_path && export.is_some() {
        reader.problems.error(
            at.child("export").key,
            format!("using an export to satisfy the package dependency `{name}` is not permitted"),
            "name one interface in the dependency's name, or remove `export`",
        );
    }
    let inherit = if inherit_all { Inherit::All } else { lower_inherit(inherit, at, reader) };
    Some(Dependency { name, source: source?, export, inherit })
}

fn registry(
    name: &DependencyName,
    registry: Option<String>,
    package: Option<String>,
    version: &str,
    start: usize,
    reader: &mut Reader<'_, '_>,
) -> Option<DependencySource> {
    let requirement = requirement(version, start, reader);
    let package = package.or_else(|| match name {
        DependencyName::Plain(_) => None,
        DependencyName::Package { package, .. } => Some(package.clone()),
    });
    if package.is_none() {
        reader.problems.error(
            start,
            format!("dependency `{name}` must specify a package name"),
            format!("write `{{ version = \"{version}\", package = \"namespace:name\" }}`"),
        );
    }
    Some(DependencySource::Registry { registry, package: package?, version: requirement? })
}

fn requirement(version: &str, start: usize, reader: &mut Reader<'_, '_>) -> Option<semver::VersionReq> {
    semver::VersionReq::parse(version)
        .map_err(|error| {
            reader.problems.error(
                start,
                format!("`{version}` is not a version requirement: {error}"),
                "write one such as \"1.2.3\", \"^1.2\" or \">=1, <3\"",
            );
        })
        .ok()
}

fn component_source(component: &str, at: At<'_>, reader: &mut Reader<'_, '_>) -> Option<DependencySource> {
    reader.check_name(NameStyle::Kebab, "component id", component, at.child("component").start);
    ComponentId::parse(component).ok().map(DependencySource::Component)
}

fn lower_inherit(table: Option<InheritTable>, at: At<'_>, reader: &mut Reader<'_, '_>) -> Inherit {
    let names = match table {
        None | Some(InheritTable::All(false)) => return Inherit::None,
        Some(InheritTable::All(true)) => return Inherit::All,
        Some(InheritTable::Some(names)) => names,
    };
    let mut keys = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        let fits = |key: &InheritKey| reader.format == Format::Coracle || !key.is_own();
        let known = || InheritKey::ALL.into_iter().filter(fits).map(InheritKey::name);
        let Some(key) = InheritKey::from_name(name).filter(fits) else {
            let remedy = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use {}", known().collect::<Vec<_>>().join(", ")),
            };
            let at = at.child("inherit_configuration").item(index);
            reader.problems.error(at.start, format!("`{name}` cannot be inherited"), remedy);
            continue;
        };
        keys.insert(key);
    }
    Inherit::Some(keys)
}

/// `dependencies_inherit_configuration` and `inherit_configuration` exclude each other.
pub(super) fn refuse_both_inherit_forms(
    id: &ComponentId,
    tables: &BTreeMap<String, DependencyTable>,
    at: At<'_>,
    reader: &mut Reader<'_, '_>,
) {
    let own = |table: &DependencyTable| match table {
        DependencyTable::Version(_) => false,
        DependencyTable::Package { inherit_configuration, .. }
        | DependencyTable::Path { inherit_configuration, .. }
        | DependencyTable::Url { inherit_configuration, .. }
        | DependencyTable::Component { inherit_configuration, .. } => inherit_configuration.is_some(),
    };
    if tables.values().any(own) {
        reader.problems.error(
            at.child("dependencies_inherit_configuration").key,
            format!(
                "component `{id}` specifies both `dependencies_inherit_configuration` and per-dependency \
                 `inherit_configuration`"
            ),
            "they are mutually exclusive; remove one of them",
        );
    }
}

/// Components used as dependencies must exist and have no permissions of their own.
pub(super) fn check_targets(
    user: &str,
    dependencies: &[Dependency],
    (components, around): (&[Component], &Surroundings<'_>),
    at: At<'_>,
    reader: &mut Reader<'_, '_>,
) {
    for dependency in dependencies {
        let DependencySource::Component(target) = &dependency.source else {
            continue;
        };
        let at = at.child("dependencies").child(&dependency.name.to_string()).child("component");
        check_target(target, user, components, around, at, reader);
    }
}

/// One component used as a dependency of `user`, a component or a trigger.
pub(super) fn check_target(
    target: &ComponentId,
    user: &str,
    components: &[Component],
    around: &Surroundings<'_>,
    at: At<'_>,
    reader: &mut Reader<'_, '_>,
) {
    if !around.components.contains(&target.as_str()) {
        let remedy = match nearest(target.as_str(), around.components.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `[component.{target}]`"),
        };
        return reader.problems.error(at.start, format!("dependency ID `{target}` does not exist"), remedy);
    }
    let Some(found) = components.iter().find(|candidate| candidate.id == *target) else {
        return;
    };
    let own = grants::manifest_keys(found);
    if !own.is_empty() {
        reader.problems.error(
            at.start,
            format!(
                "component `{target}` cannot be a dependency of `{user}` because it has resources or permissions of \
                 its own: {}",
                own.join(", ")
            ),
            format!("remove them from `[component.{target}]` and pass on what it needs with `inherit_configuration`"),
        );
    }
}

/// Lowers one step between a trigger and its component.
pub(super) fn lower_middleware(table: TriggerDependencyTable, at: At<'_>, reader: &mut Reader<'_, '_>) -> Option<Middleware> {
    let (source, inherit) = match table {
        TriggerDependencyTable::Package { version, registry, package, inherit_configuration } => {
            check_package(&package, at, reader);
            let version = requirement(&version, at.child("version").start, reader)?;
            (DependencySource::Registry { registry, package, version }, inherit_configuration)
        }
        TriggerDependencyTable::Path { path, inherit_configuration } => (DependencySource::Path { path }, inherit_configuration),
        TriggerDependencyTable::Url { url, digest, inherit_configuration } => {
            check_url(&url, at, reader);
            let digest = parse_digest(&digest, at, reader);
            (DependencySource::Url { url, digest }, inherit_configuration)
        }
        TriggerDependencyTable::Component { component, inherit_configuration } => {
            (component_source(&component, at, reader)?, inherit_configuration)
        }
    };
    Some(Middleware { source, inherit: lower_inherit(inherit, at, reader) })
}
