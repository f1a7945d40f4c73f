//! The tables of `spin.toml` version 1, for their schema only: a manifest is rewritten before it is read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::formats::spin_v2::tables::{BuildTable, FileTable, SourceTable, VariableTable};

/// The manifest of an application, version 1.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ManifestV1 {
    /// The version of the manifest's format, `"1"`.
    spin_manifest_version: Option<String>,
    /// The old name of `spin_manifest_version`.
    spin_version: Option<String>,
    /// The application's name.
    name: String,
    /// The application's version.
    #[schemars(default)]
    version: String,
    /// A description for people.
    #[schemars(default)]
    description: String,
    /// The authors.
    #[schemars(default)]
    authors: Vec<String>,
    /// The one kind of trigger that the application has, and its settings.
    trigger: TriggerV1,
    /// Values that an operator may set when the application starts.
    #[schemars(default)]
    variables: BTreeMap<String, VariableTable>,
    /// The components.
    #[schemars(default)]
    component: Vec<ComponentV1>,
}

/// The kind of trigger; further keys are its settings.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct TriggerV1 {
    /// The kind, such as `"http"`.
    r#type: String,
    #[schemars(flatten)]
    config: Map<String, Value>,
}

/// A component and what wakes it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ComponentV1 {
    /// Its id.
    id: String,
    /// Where the code is: a path, or a URL with its digest.
    source: SourceTable,
    /// What wakes it.
    trigger: Map<String, Value>,
    /// A description for people.
    #[schemars(default)]
    description: String,
    /// Variables that the component can read.
    #[schemars(default)]
    config: BTreeMap<String, String>,
    /// Environment variables of the component.
    #[schemars(default)]
    environment: BTreeMap<String, String>,
    /// Files that the component may read.
    #[schemars(default)]
    files: Vec<FileTable>,
    /// Globs of files to leave out of `files`.
    #[schemars(default)]
    exclude_files: Vec<String>,
    /// Hosts that it may call over HTTP.
    #[schemars(default)]
    allowed_http_hosts: Vec<String>,
    /// Where it may connect to; when absent, all databases.
    allowed_outbound_hosts: Option<Vec<String>>,
    /// Labels of the key-value stores that it may open.
    #[schemars(default)]
    key_value_stores: Vec<String>,
    /// Labels of the SQLite databases that it may open.
    #[schemars(default)]
    sqlite_databases: Vec<String>,
    /// Language models that it may use.
    #[schemars(default)]
    ai_models: Vec<String>,
    /// How the code is built.
    build: Option<BuildTable>,
}
