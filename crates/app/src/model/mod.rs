//! The checked application: what a manifest means once every rule has been applied.
//! Plain data; nothing here remembers which format it was read from except `App::format`.

mod component;
mod dependency;
mod limits;
mod name;
mod trigger;

use std::collections::BTreeMap;

use serde_json::Value;

pub use component::{Build, Component, FileMount, Profile, Source, Target};
pub use dependency::{Dependency, DependencyName, DependencyNameError, DependencySource, Inherit, InheritKey};
pub use limits::{InstancePolicy, LimitOverrides};
pub use name::{ComponentId, NameError, NameStyle};
pub use trigger::{Middleware, Trigger};

use crate::problem::Warning;

/// An application whose manifest was read and found to be without error.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// The application's name.
    pub name: String,
    /// The application's version, empty when the manifest gives none.
    pub version: String,
    /// A description for people.
    pub description: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Which kind of manifest it was read from.
    pub format: Format,
    /// The variables an operator may set, by name.
    pub variables: BTreeMap<String, Variable>,
    /// The components, in the order of the manifest; generated ones come last.
    pub components: Vec<Component>,
    /// What wakes the components, in the order of the manifest.
    pub triggers: Vec<Trigger>,
    /// The settings that all triggers of one kind share, by kind.
    pub trigger_settings: BTreeMap<String, Value>,
    /// Deployment environments the whole application must fit, unless a component names its own.
    pub targets: Vec<Target>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Warning>,
}

impl App {
    /// The component with this id.
    #[must_use]
    pub fn component(&self, id: &ComponentId) -> Option<&Component> {
        self.components.iter().find(|component| component.id == *id)
    }

    /// The triggers of one kind, in the order of the manifest.
    pub fn triggers_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Trigger> {
        self.triggers.iter().filter(move |trigger| trigger.kind == kind)
    }
}

/// The kinds of manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `spin.toml` with `spin_manifest_version = "1"`.
    SpinV1,
    /// `spin.toml` with `spin_manifest_version = 2`.
    SpinV2,
    /// `coracle.toml`: version 2 of `spin.toml` and Coracle's own keys.
    Coracle,
    /// A wadm manifest of wasmCloud: `kind: Application`.
    Wadm,
    /// `kind: WorkloadDeployment` of wasmCloud.
    WorkloadDeployment,
    /// No manifest: one Wasm file that was named on the command line.
    Bare,
}

/// A value that an operator may give to the application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variable {
    /// A description for people.
    pub description: Option<String>,
    /// The value when nobody gives one; absent exactly when `required`.
    pub default: Option<String>,
    /// Whether the application cannot start without a value.
    pub required: bool,
    /// Whether the value must never appear in logs.
    pub secret: bool,
}
