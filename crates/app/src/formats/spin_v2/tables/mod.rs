//! The tables of `spin.toml` version 2 and `coracle.toml`, as their authors write them. The comments are the
//! reference pages and the schema; keys that only `coracle.toml` has carry the mark `x-coracle`.

mod component;
mod dependency;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use component::{BuildTable, ComponentTable, FileTable, MessagingTable, ProfileTable, SourceTable, TargetTable};
pub(crate) use dependency::{DependencyTable, InheritTable, TriggerDependencyTable};

use crate::formats::OneOrMany;

/// The manifest of an application: what its components are, what they may do, and what wakes them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields, title = "Manifest")]
#[expect(dead_code, reason = "it is the schema of the whole; its parts are read one by one so that all errors show")]
pub(crate) struct Manifest {
    /// The version of the manifest's format: 2. `coracle.toml` may leave it out.
    #[schemars(range(min = 2, max = 2))]
    spin_manifest_version: Option<u32>,
    /// What the application is called and whose it is.
    application: ApplicationTable,
    /// Values that an operator may set when the application starts.
    #[schemars(default)]
    variables: BTreeMap<String, VariableTable>,
    /// What wakes the components: `[[trigger.http]]`, `[[trigger.redis]]` and so on.
    #[schemars(schema_with = "crate::formats::spin_v2::schema::triggers")]
    trigger: BTreeMap<String, Vec<TriggerTable>>,
    /// The components, by their kebab-case id.
    #[schemars(default)]
    component: BTreeMap<String, ComponentTable>,
}

/// What the application is called and whose it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Application")]
#[schemars(deny_unknown_fields)]
pub(crate) struct ApplicationTable {
    /// The application's name.
    pub(crate) name: String,
    /// The application's version, best a semantic one such as `"1.0.0"`.
    #[serde(default)]
    pub(crate) version: String,
    /// A description for people.
    #[serde(default)]
    pub(crate) description: String,
    /// The authors, such as `["Ada <ada@example.com>"]`.
    #[serde(default)]
    pub(crate) authors: Vec<String>,
    /// Deployment environments that every component must fit.
    #[serde(default)]
    pub(crate) targets: Vec<TargetTable>,
    /// Settings that all triggers of one kind share, such as `[application.trigger.redis]`.
    #[serde(default)]
    pub(crate) trigger: BTreeMap<String, Map<String, Value>>,
    /// Settings of other tools; ignored.
    #[serde(default, rename = "tool")]
    pub(crate) _tool: BTreeMap<String, Value>,
}

/// A value that an operator may set. It has a default, or it is required, never both.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Variable")]
#[schemars(deny_unknown_fields)]
pub(crate) struct VariableTable {
    /// A description for people.
    pub(crate) description: Option<String>,
    /// The value when nobody sets one.
    pub(crate) default: Option<String>,
    /// Whether the application must not start without a value.
    #[serde(default)]
    pub(crate) required: bool,
    /// Whether the value must never appear in logs.
    #[serde(default)]
    pub(crate) secret: bool,
}

/// What wakes a component. Further keys depend on the kind of trigger.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Trigger")]
pub(crate) struct TriggerTable {
    /// A name for the trigger; made up from the component when absent.
    #[serde(default)]
    pub(crate) id: String,
    /// The component to call: its id, or its table written in place.
    pub(crate) component: Option<ComponentRef>,
    /// Further components, by a role that the kind of trigger defines.
    #[serde(default)]
    pub(crate) components: BTreeMap<String, OneOrMany<ComponentRef>>,
    /// Components that a call passes through, by role; `http` has the role `middleware`, outermost first.
    #[serde(default)]
    pub(crate) dependencies: BTreeMap<String, Vec<TriggerDependencyTable>>,
    #[serde(flatten)]
    pub(crate) config: Map<String, Value>,
}

/// A component's id, or its table written in place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum ComponentRef {
    Id(String),
    Inline(#[expect(dead_code, reason = "it has become an entry of `component` before it is read")] Box<ComponentTable>),
}
