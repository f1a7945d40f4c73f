//! The table of a component and what stands in it, except its dependencies.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::DependencyTable;
use crate::formats::OneOrMany;
use crate::formats::coracle::{InstancesTable, LimitsTable};

/// A component: where its code is, what it may do, and how it is built.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Component")]
#[schemars(deny_unknown_fields)]
pub(crate) struct ComponentTable {
    /// Where the code is: a path, a URL with its digest, or a package of a registry.
    pub(crate) source: SourceTable,
    /// A description for people.
    #[serde(default)]
    pub(crate) description: String,
    /// Variables that the component can read; a value may use application variables, as in `"{{ name }}"`.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    /// Environment variables of the component.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Files that the component may read: a path or glob, or a source and where it appears.
    #[serde(default)]
    pub(crate) files: Vec<FileTable>,
    /// Globs of files to leave out of `files`.
    #[serde(default)]
    pub(crate) exclude_files: Vec<String>,
    /// The old form of `allowed_outbound_hosts`; use that one.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub(crate) allowed_http_hosts: Vec<String>,
    /// Where the component may connect to, such as `"https://example.com"` or `"postgres://db:5432"`.
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    /// Labels of the key-value stores that it may open.
    #[serde(default)]
    pub(crate) key_value_stores: Vec<String>,
    /// Labels of the SQLite databases that it may open.
    #[serde(default)]
    pub(crate) sqlite_databases: Vec<String>,
    /// Labels of the blob stores that it may use. A container lies in the first of them, or in the one that is named before it, as in
    /// `archive/photos`.
    #[serde(default)]
    #[schemars(extend("x-coracle" = true))]
    pub(crate) blob_stores: Vec<String>,
    /// Labels of the brokers that it may send messages to, and to which subjects.
    #[schemars(extend("x-coracle" = true))]
    pub(crate) messaging: Option<MessagingTable>,
    /// Language models that it may use.
    #[serde(default)]
    pub(crate) ai_models: Vec<String>,
    /// Deployment environments that it must fit, instead of those of the application.
    pub(crate) targets: Option<Vec<TargetTable>>,
    /// How the code is built.
    pub(crate) build: Option<BuildTable>,
    /// Settings of other tools; ignored.
    #[serde(default, rename = "tool")]
    pub(crate) _tool: BTreeMap<String, Value>,
    /// Whether every dependency may use all that this component may; not beside `inherit_configuration`.
    pub(crate) dependencies_inherit_configuration: Option<bool>,
    /// Components to plug into this one's imports, by the name of the import.
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, DependencyTable>,
    /// Changes that `--profile <name>` makes.
    #[serde(default)]
    pub(crate) profile: BTreeMap<String, ProfileTable>,
    /// Further capabilities, by name, each with its own settings; `coracle capabilities` lists them.
    #[serde(default)]
    #[schemars(extend("x-coracle" = true))]
    pub(crate) capabilities: BTreeMap<String, Value>,
    /// Limits that differ from the host's defaults.
    #[schemars(extend("x-coracle" = true))]
    pub(crate) limits: Option<LimitsTable>,
    /// When an instance is made and how long it lives.
    #[schemars(extend("x-coracle" = true))]
    pub(crate) instances: Option<InstancesTable>,
    /// Refuse to load the component when it imports something that it was not granted.
    #[serde(default)]
    #[schemars(extend("x-coracle" = true))]
    pub(crate) strict_imports: bool,
}

/// Where a component's code is.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Source")]
#[serde(untagged)]
#[schemars(deny_unknown_fields)]
pub(crate) enum SourceTable {
    /// A file, relative to the manifest.
    Path(String),
    /// A download.
    Url {
        /// Where to fetch it.
        url: String,
        /// `sha256:` and the digest that it must have.
        digest: String,
    },
    /// A package of a registry.
    Registry {
        /// The registry; the configured default when absent.
        registry: Option<String>,
        /// The package, `namespace:name`.
        package: String,
        /// The exact version.
        version: String,
    },
    /// The same code as another component of the application.
    #[schemars(extend("x-coracle" = true))]
    Component {
        /// The other component's id.
        component: String,
    },
}

/// Files that a component may read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "File")]
#[serde(untagged)]
#[schemars(deny_unknown_fields)]
pub(crate) enum FileTable {
    /// A path or glob, relative to the manifest.
    Glob(String),
    /// A file or directory that appears somewhere else in the guest.
    Mount {
        /// The path, relative to the manifest.
        source: String,
        /// The absolute path in the guest.
        destination: String,
        /// Whether the guest may change the files.
        #[serde(default)]
        #[schemars(extend("x-coracle" = true))]
        writable: bool,
    },
}

/// Where a component may send messages.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Messaging")]
#[serde(untagged)]
pub(crate) enum MessagingTable {
    /// Labels, with all of their subjects; a message goes to the first.
    Labels(Vec<String>),
    /// Labels with patterns of subjects, such as `{ default = ["orders.>"] }`; a message goes to the first label by name that has its
    /// subject.
    Subjects(BTreeMap<String, Vec<String>>),
}

/// A deployment environment.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Target")]
#[serde(untagged)]
#[schemars(deny_unknown_fields)]
pub(crate) enum TargetTable {
    /// A name of the catalogue, such as `spin-up:3.2`.
    Catalogue(String),
    /// A definition to download.
    Url {
        /// Where to fetch it.
        url: String,
    },
    /// A definition in a file.
    Path {
        /// The file, relative to the manifest.
        path: String,
    },
}

/// How a component's code is built.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Build")]
#[schemars(deny_unknown_fields)]
pub(crate) struct BuildTable {
    /// The shell command, or several that run in order until one fails.
    pub(crate) command: OneOrMany<String>,
    /// Where it runs, relative to the manifest.
    pub(crate) workdir: Option<String>,
    /// Globs of the sources, relative to `workdir`; a change rebuilds under `coracle watch`.
    #[serde(default)]
    pub(crate) watch: Vec<String>,
}

/// What a build profile changes about its component.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Profile")]
#[schemars(deny_unknown_fields)]
pub(crate) struct ProfileTable {
    /// Replaces the component's source.
    pub(crate) source: Option<SourceTable>,
    /// Added to the component's environment.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Added to the component's dependencies; the same name replaces.
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, DependencyTable>,
    /// Replaces the component's build command.
    pub(crate) build: Option<ProfileBuildTable>,
}

/// What a build profile changes about the build.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ProfileBuild")]
#[schemars(deny_unknown_fields)]
pub(crate) struct ProfileBuildTable {
    /// The shell command, or several that run in order until one fails.
    pub(crate) command: OneOrMany<String>,
}
