//! The records of a wadm manifest, for their schema only: a manifest is rewritten before it is read.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// An application.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Manifest {
    /// `core.oam.dev/v1beta1`.
    #[schemars(rename = "apiVersion")]
    api_version: String,
    /// `Application`.
    kind: String,
    /// What the application is called.
    metadata: Metadata,
    /// What it is made of.
    spec: Spec,
}

/// What the application is called.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Metadata {
    /// The application's name.
    name: String,
    /// Its version and description, and what other tools want to know.
    #[schemars(default)]
    annotations: BTreeMap<String, String>,
    /// Words by which it is found.
    #[schemars(default)]
    labels: BTreeMap<String, String>,
}

/// What the application is made of.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Spec {
    /// The components and providers.
    components: Vec<Component>,
    /// Where secrets come from.
    #[schemars(default)]
    policies: Vec<Policy>,
}

/// Where secrets come from.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Policy {
    /// Its name.
    name: String,
    /// What it decides.
    r#type: String,
    /// Its settings.
    #[schemars(default)]
    properties: BTreeMap<String, String>,
}

/// A component, or a provider of capabilities.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Component {
    /// Its name.
    name: String,
    /// `component`, or `capability` for a provider.
    r#type: Kind,
    /// Where its code is, and its configuration.
    properties: Properties,
    /// How many there are, and what they are linked to.
    #[schemars(default)]
    traits: Vec<Trait>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Kind {
    Component,
    Actor,
    Capability,
}

/// Where the code of a component is, and its configuration.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Properties {
    /// The code: `file://` and a path, or a reference into a registry.
    image: Option<String>,
    /// A component of another application.
    application: Option<Shared>,
    /// Its id in the lattice.
    id: Option<String>,
    /// Named configuration, merged in order.
    #[schemars(default)]
    config: Vec<Config>,
    /// Secrets that it may read.
    #[schemars(default)]
    secrets: Vec<Secret>,
}

/// A component of another application.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Shared {
    /// The application.
    name: String,
    /// The component in it.
    component: String,
}

/// Named configuration.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Config {
    /// Its name.
    name: String,
    /// Its values; without them it is one that exists already.
    properties: Option<BTreeMap<String, String>>,
}

/// A secret.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Secret {
    /// The name by which the component asks for it.
    name: String,
    /// Where it is.
    properties: SecretSource,
}

/// Where a secret is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct SecretSource {
    /// The policy that knows the backend.
    policy: String,
    /// The key in the backend.
    key: String,
    /// The field of what is under the key.
    field: Option<String>,
    /// The version of it.
    version: Option<String>,
}

/// How many there are of a component, or what it is linked to.
#[derive(JsonSchema)]
#[schemars(tag = "type", content = "properties", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Trait {
    /// So many instances.
    SpreadScaler(Scaler),
    /// So many instances on each host.
    DaemonScaler(Scaler),
    /// A link.
    Link(Box<Link>),
}

/// How many instances there are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Scaler {
    /// Instances at the same time.
    #[schemars(range(min = 0))]
    instances: Option<i64>,
    /// The old name of `instances`.
    #[schemars(range(min = 0))]
    replicas: Option<i64>,
    /// On which hosts.
    #[schemars(default)]
    spread: Vec<Spread>,
}

/// On which hosts instances are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Spread {
    /// Its name.
    name: String,
    /// Labels that the hosts have.
    #[schemars(default)]
    requirements: BTreeMap<String, String>,
    /// The share of instances.
    weight: Option<i64>,
}

/// A link from this component to another one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Link {
    /// The namespace of the interfaces, such as `wasi`.
    namespace: String,
    /// Their package, such as `keyvalue`.
    package: String,
    /// The interfaces, such as `store`.
    interfaces: Vec<String>,
    /// The name of the link: `default` where there is none.
    name: Option<String>,
    /// Configuration of this side.
    source: Option<Side>,
    /// The other side.
    target: Target,
    /// The old form of the configuration in `source`.
    #[schemars(default)]
    source_config: Vec<Config>,
    /// The old form of the configuration in `target`.
    #[schemars(default)]
    target_config: Vec<Config>,
}

/// Configuration of one side of a link.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Side {
    /// Named configuration.
    #[schemars(default)]
    config: Vec<Config>,
    /// Secrets.
    #[schemars(default)]
    secrets: Vec<Secret>,
}

/// The other side of a link.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Target {
    /// Its name.
    Name(String),
    /// Its name and configuration.
    Table(TargetTable),
}

/// The other side of a link with its configuration.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct TargetTable {
    /// The component or provider.
    name: String,
    /// Named configuration.
    #[schemars(default)]
    config: Vec<Config>,
    /// Secrets.
    #[schemars(default)]
    secrets: Vec<Secret>,
}
