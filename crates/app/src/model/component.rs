//! A component: where its code is, what it may do, and how it is built.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ComponentId, Dependency, InstancePolicy, LimitOverrides};
use crate::problem::Places;

/// One component of an application.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its name within the application.
    pub id: ComponentId,
    /// A description for people.
    pub description: String,
    /// Where its code comes from.
    pub source: Source,
    /// What it may do: capability name to that capability's own settings.
    /// A capability that is absent is not granted.
    pub grants: BTreeMap<String, Value>,
    /// Files that it may read.
    pub files: Vec<FileMount>,
    /// Globs of files that are left out of `files`.
    pub exclude_files: Vec<String>,
    /// How its code is built, if the manifest says.
    pub build: Option<Build>,
    /// Components that are plugged into its imports.
    pub dependencies: Vec<Dependency>,
    /// Whether every dependency inherits all grants of this component.
    pub inherit_all: bool,
    /// Limits that differ from the host's defaults.
    pub limits: LimitOverrides,
    /// When an instance is made and how long it lives.
    pub instances: InstancePolicy,
    /// Whether an import that was not granted is refused when the component is loaded.
    pub strict_imports: bool,
    /// Deployment environments; `None` means those of the application.
    pub targets: Option<Vec<Target>>,
    /// The build profiles that it defines; the chosen one is already applied.
    pub profiles: BTreeMap<String, Profile>,
    /// Where the manifest says all this: a grant stands under its capability's name, every other key under its own.
    pub places: Places,
}

/// Where a component's code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, relative to the manifest.
    Path(String),
    /// A download that must have the given digest.
    Url {
        /// Where to fetch it.
        url: String,
        /// `sha256:` and 64 hexadecimal digits.
        digest: String,
    },
    /// A package of a registry.
    Registry {
        /// The registry; `None` means the configured default.
        registry: Option<String>,
        /// The package, `namespace:name`.
        package: String,
        /// The exact version.
        version: String,
    },
    /// The same code as another component of the application.
    Component(ComponentId),
}

/// Files from the host that a guest sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileMount {
    /// A file, directory or glob; what it matches keeps its path relative to the manifest.
    Glob(String),
    /// A file or directory that appears somewhere else in the guest.
    Mount {
        /// The path on the host, relative to the manifest.
        source: String,
        /// The absolute path in the guest.
        destination: String,
        /// Whether the guest may write to it, which then changes the host's files.
        writable: bool,
    },
}

/// How a component's code is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// Shell commands, run in order until one fails.
    pub commands: Vec<String>,
    /// Where they run, relative to the manifest.
    pub workdir: Option<String>,
    /// Globs of the sources, relative to `workdir`.
    pub watch: Vec<String>,
}

/// What a build profile changes about a component.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Replaces the component's source.
    pub source: Option<Source>,
    /// Added to the component's environment.
    pub environment: BTreeMap<String, String>,
    /// Added to the component's dependencies; the same name replaces.
    pub dependencies: Vec<Dependency>,
    /// Replaces the component's build commands when not empty.
    pub build_commands: Vec<String>,
}

/// A deployment environment that components are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A name of the catalogue, such as `spin-up:3.2`.
    Catalogue(String),
    /// A definition to download.
    Url(String),
    /// A definition in a file, relative to the manifest.
    Path(String),
}
