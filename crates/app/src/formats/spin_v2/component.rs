//! Lowers component tables: sources, files, build, and the keys that become grants.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reader::Reader;
use super::tables::{BuildTable, ComponentTable, FileTable, ProfileTable, SourceTable, TargetTable};
use super::{dependency, grants};
use crate::document::At;
use crate::formats::coracle::{lower_instances, lower_limits};
use crate::model::{
    Build, Component, ComponentId, DependencyName, FileMount, InstancePolicy, LimitOverrides, NameStyle, Profile, Source, Target,
};

/// A component with more build profiles than this is refused.
const PROFILES_MAX: usize = 64;

/// What the tables of a manifest may refer to.
pub(super) struct Surroundings<'d> {
    /// The names of the application's variables.
    pub(super) variables: Vec<&'d str>,
    /// The ids of all components, those at fault included.
    pub(super) components: Vec<&'d str>,
}

impl<'d> Surroundings<'d> {
    pub(super) fn new(root: At<'d>) -> Self {
        let names = |table| root.child(table).entries().map(|(name, _)| name).collect();
        Self { variables: names("variables"), components: names("component") }
    }
}

/// Lowers every component, then checks what they say about each other.
pub(super) fn lower_all(tables: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) -> Vec<Component> {
    let mut components = Vec::new();
    for (id, at) in tables.entries() {
        let named = reader.check_name(NameStyle::Kebab, "component id", id, at.key);
        let Some(table) = reader.read::<ComponentTable>(at) else {
            continue;
        };
        let id = if named { ComponentId::parse(id).ok() } else { None };
        // A bad name is reported above; the rest of the table is still worth checking.
        let checked_id = id.clone().unwrap_or_else(|| ComponentId::coerce("unnamed"));
        let component = lower(checked_id, table, at, around, reader);
        components.extend(id.map(|_| component));
    }
    for component in &components {
        let at = tables.child(component.id.as_str());
        let user = component.id.as_str();
        check_shared_source(&component.source, &components, around, at, reader);
        dependency::check_targets(user, &component.dependencies, (&components, around), at, reader);
        for (name, profile) in &component.profiles {
            let at = at.child("profile").child(name);
            if let Some(source) = &profile.source {
                check_shared_source(source, &components, around, at, reader);
            }
            dependency::check_targets(user, &profile.dependencies, (&components, around), at, reader);
        }
    }
    components
}

fn lower(id: ComponentId, table: ComponentTable, at: At<'_>, around: &Surroundings<'_>, reader: &mut Reader<'_, '_>) -> Component {
    let grants = grants::lower(&table, at, around, reader);
    let places = grants::places(at, reader);
    let code = source(table.source, at.child("source"), reader);
    let inherit_all = table.dependencies_inherit_configuration == Some(true);
    if table.dependencies_inherit_configuration.is_some() {
        dependency::refuse_both_inherit_forms(&id, &table.dependencies, at, reader);
    }
    let dependencies = dependency::lower_all(table.dependencies, inherit_all, at.child("dependencies"), reader);
    let limits = table.limits.map_or_else(LimitOverrides::default, |limits| lower_limits(&limits, at.child("limits"), reader.problems));
    let instances = table
        .instances
        .map_or_else(InstancePolicy::default, |instances| lower_instances(&instances, at.child("instances"), reader.problems));
    check_globs(&table.exclude_files, at.child("exclude_files"), reader);
    let profiles = profiles(table.profile, inherit_all, at.child("profile"), reader);
    Component {
        id,
        description: table.description,
        source: code,
        grants,
        files: files(table.files, at.child("files"), reader),
        exclude_files: table.exclude_files,
        build: table.build.map(|table| build(table, at.child("build"), reader)),
        dependencies,
        inherit_all,
        limits,
        instances,
        strict_imports: table.strict_imports,
        targets: table.targets.map(|targets| targets.into_iter().map(target).collect()),
        profiles,
        places,
    }
}

fn profiles(
    tables: BTreeMap<String, ProfileTable>,
    inherit_all: bool,
    at: At<'_>,
    reader: &mut Reader<'_, '_>,
) -> BTreeMap<String, Profile> {
    if tables.len() > PROFILES_MAX {
        let message = format!("{} profiles are more than the {PROFILES_MAX} that one component may have", tables.len());
        reader.problems.error(at.key, message, "remove some of them");
        return BTreeMap::new();
    }
    let mut profiles = BTreeMap::new();
    for (name, table) in tables {
        let at = at.child(&name);
        let profile = Profile {
            source: table.source.map(|replaced| source(replaced, at.child("source"), reader)),
            environment: table.environment,
            dependencies: dependency::lower_all(table.dependencies, inherit_all, at.child("dependencies"), reader),
            build_commands: table.build.map(|build| build.command.into_vec()).unwrap_or_default(),
        };
        profiles.insert(name, profile);
    }
    profiles
}

fn source(table: SourceTable, at: At<'_>, reader: &mut Reader<'_, '_>) -> Source {
    match table {
        SourceTable::Path(path) => {
            if path.is_empty() {
                reader.problems.error(at.start, "the path of `source` is empty", "name the component's .wasm file");
            }
            Source::Path(path)
        }
        SourceTable::Url { url, digest } => {
            check_url(&url, at, reader);
            Source::Url { url, digest: parse_digest(&digest, at, reader) }
        }
        SourceTable::Registry { registry, package, version } => {
            check_package(&package, at, reader);
            if semver::Version::parse(&version).is_err() {
                reader.problems.error(
                    at.child("version").start,
                    format!("`{version}` is not an exact semantic version"),
                    "write all three numbers, such as \"1.2.3\"",
                );
            }
            Source::Registry { registry, package, version }
        }
        SourceTable::Component { component } => {
            let at = at.child("component");
            reader.check_name(NameStyle::Kebab, "component id", &component, at.start);
            Source::Component(ComponentId::parse(&component).unwrap_or_else(|_| ComponentId::coerce(&component)))
        }
    }
}

/// A component that takes its code from another one: that one must exist and have code of its own.
fn check_shared_source(source: &Source, components: &[Component], around: &Surroundings<'_>, at: At<'_>, reader: &mut Reader<'_, '_>) {
    let Source::Component(other) = source else {
        return;
    };
    let at = at.child("source").child("component");
    match components.iter().find(|candidate| candidate.id == *other) {
        Some(candidate) if matches!(candidate.source, Source::Component(_)) => reader.problems.error(
            at.start,
            format!("component `{other}` has no code of its own either"),
            "name a component whose source is a file, a URL or a package",
        ),
        Some(_) => {}
        None => super::unknown_component(other.as_str(), around, at, reader),
    }
}

/// Checks `sha256:` and 64 digits beneath `at`; the result is in lower case.
pub(super) fn parse_digest(digest: &str, at: At<'_>, reader: &mut Reader<'_, '_>) -> String {
    let at = at.child("digest");
    match digest.strip_prefix("sha256:") {
        None => reader.problems.error(
            at.start,
            format!("invalid `digest` \"{digest}\"; must start with 'sha256:'"),
            "write `sha256:` and the output of `sha256sum`",
        ),
        Some(hex) if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => reader.problems.error(
            at.start,
            format!("invalid `digest` \"{digest}\"; must have 64 hexadecimal digits after 'sha256:'"),
            "write `sha256:` and the output of `sha256sum`",
        ),
        Some(_) => {}
    }
    digest.to_ascii_lowercase()
}

/// Checks that a download has a scheme that can be fetched.
pub(super) fn check_url(url: &str, at: At<'_>, reader: &mut Reader<'_, '_>) {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        reader.problems.error(
            at.child("url").start,
            format!("`{url}` is not a URL that can be fetched"),
            "use one that starts with https:// or http://",
        );
    }
}

/// Checks that a package is named `namespace:name`.
pub(super) fn check_package(package: &str, at: At<'_>, reader: &mut Reader<'_, '_>) {
    let well_formed = matches!(DependencyName::parse(package), Ok(DependencyName::Package { interface: None, version: None, .. }));
    if !well_formed {
        reader.problems.error(
            at.child("package").start,
            format!("`{package}` is not the name of a package"),
            "write it as `namespace:name`",
        );
    }
}

fn files(tables: Vec<FileTable>, at: At<'_>, reader: &mut Reader<'_, '_>) -> Vec<FileMount> {
    let mut mounts = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let at = at.item(index);
        mounts.push(match table {
            FileTable::Glob(pattern) => {
                check_file_pattern(&pattern, at, reader);
                FileMount::Glob(pattern)
            }
            FileTable::Mount { source, destination, writable } => {
                if !destination.starts_with('/') {
                    reader.problems.error(
                        at.child("destination").start,
                        format!("the destination `{destination}` is not absolute"),
                        format!("write `/{destination}`"),
                    );
                } else if destination.split('/').any(|part| part == "..") {
                    reader.problems.error(
                        at.child("destination").start,
                        format!("the destination `{destination}` leads upwards"),
                        "write the path without `..`",
                    );
                }
                if source.is_empty() {
                    reader.problems.error(at.child("source").start, "the path of `source` is empty", "name a path");
                }
                FileMount::Mount { source, destination, writable }
            }
        });
    }
    mounts
}

fn check_file_pattern(pattern: &str, at: At<'_>, reader: &mut Reader<'_, '_>) {
    let mut depth = 0_i64;
    let mut escapes = pattern.starts_with('/');
    for part in pattern.split('/') {
        match part {
            ".." => depth -= 1,
            "." | "" => {}
            _ => depth += 1,
        }
        escapes |= depth < 0;
    }
    if matches!(pattern.rsplit('/').next(), Some("." | "..")) {
        reader.problems.error(
            at.start,
            format!("the file pattern `{pattern}` cannot end in `.` or `..`"),
            "name the directory, or use a pattern such as `./*`",
        );
    } else if escapes {
        reader.problems.error(
            at.start,
            format!("the file pattern `{pattern}` leads out of the application's directory"),
            "copy the files into it",
        );
    } else if pattern == "*" || pattern == "**/*" {
        reader.problems.warn(
            at.start,
            format!("the file pattern `{pattern}` takes in the whole application directory; write `./{pattern}` if that is meant"),
        );
    }
    check_glob(pattern, at, reader);
}

fn check_globs(patterns: &[String], at: At<'_>, reader: &mut Reader<'_, '_>) {
    for (index, pattern) in patterns.iter().enumerate() {
        check_glob(pattern, at.item(index), reader);
    }
}

fn check_glob(pattern: &str, at: At<'_>, reader: &mut Reader<'_, '_>) {
    if let Err(error) = globset::Glob::new(pattern) {
        reader.problems.error(
            at.start,
            format!("`{pattern}` is not a glob: {}", error.kind()),
            "put a character that is meant literally into brackets, such as `[[]`",
        );
    }
}

fn build(table: BuildTable, at: At<'_>, reader: &mut Reader<'_, '_>) -> Build {
    if let Some(workdir) = table.workdir.as_deref().filter(|workdir| workdir.starts_with('/')) {
        reader.problems.error(
            at.child("workdir").start,
            format!("the build directory `{workdir}` is absolute"),
            "write it relative to the manifest",
        );
    }
    check_globs(&table.watch, at.child("watch"), reader);
    Build { commands: table.command.into_vec(), workdir: table.workdir, watch: table.watch }
}

pub(super) fn target(table: TargetTable) -> Target {
    match table {
        TargetTable::Catalogue(name) => Target::Catalogue(name),
        TargetTable::Url { url } => Target::Url(url),
        TargetTable::Path { path } => Target::Path(path),
    }
}

/// The grant that a capability gets from a list of labels or ids; an empty list grants nothing.
pub(super) fn list(entries: &[String]) -> Option<Value> {
    (!entries.is_empty()).then(|| Value::from(entries))
}
