//! The tables of dependencies, of components and of triggers.

use schemars::JsonSchema;
use serde::Deserialize;

/// A component to plug into another one's imports.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Dependency")]
#[serde(untagged)]
#[schemars(deny_unknown_fields)]
pub(crate) enum DependencyTable {
    /// Versions of the package that the name gives, from the default registry.
    Version(String),
    /// A package of a registry.
    Package {
        /// The versions that will do, such as `"^1.2"`.
        version: String,
        /// The registry; the configured default when absent.
        registry: Option<String>,
        /// The package; the one of the dependency's name when absent.
        package: Option<String>,
        /// The export to plug in; the one named like the import when absent.
        export: Option<String>,
        /// What it may use of this component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
    /// A file.
    Path {
        /// The file, relative to the manifest.
        path: String,
        /// The export to plug in; the one named like the import when absent.
        export: Option<String>,
        /// What it may use of this component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
    /// A download.
    Url {
        /// Where to fetch it.
        url: String,
        /// `sha256:` and the digest that it must have.
        digest: String,
        /// The export to plug in; the one named like the import when absent.
        export: Option<String>,
        /// What it may use of this component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
    /// Another component of the application, which must have no permissions of its own.
    Component {
        /// Its id.
        component: String,
        /// The export to plug in; the one named like the import when absent.
        export: Option<String>,
        /// What it may use of this component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
}

/// A component that a call passes through on its way from the trigger.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "TriggerDependency")]
#[serde(untagged)]
#[schemars(deny_unknown_fields)]
pub(crate) enum TriggerDependencyTable {
    /// A package of a registry.
    Package {
        /// The versions that will do, such as `"^1.2"`.
        version: String,
        /// The registry; the configured default when absent.
        registry: Option<String>,
        /// The package, `namespace:name`.
        package: String,
        /// What it may use of the called component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
    /// A file.
    Path {
        /// The file, relative to the manifest.
        path: String,
        /// What it may use of the called component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
    /// A download.
    Url {
        /// Where to fetch it.
        url: String,
        /// `sha256:` and the digest that it must have.
        digest: String,
        /// What it may use of the called component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
    /// Another component of the application, which must have no permissions of its own.
    Component {
        /// Its id.
        component: String,
        /// What it may use of the called component's permissions: true, false or a list.
        inherit_configuration: Option<InheritTable>,
    },
}

/// What a dependency may use of the permissions of the component that it is plugged into.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Inherit")]
#[serde(untagged)]
pub(crate) enum InheritTable {
    /// Everything or nothing.
    All(bool),
    /// The named ones.
    Some(Vec<String>),
}
