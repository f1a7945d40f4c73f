//! The records of a `WorkloadDeployment`, for their schema only: a manifest is rewritten before it is read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

/// A workload, and how many of it there are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Manifest {
    /// `runtime.wasmcloud.dev/v1alpha1`.
    #[schemars(rename = "apiVersion")]
    api_version: String,
    /// `WorkloadDeployment`.
    kind: String,
    /// What it is called.
    metadata: Metadata,
    /// What there should be.
    spec: Spec,
    /// What a cluster says of it.
    status: Option<Value>,
}

/// What a workload is called. Kubernetes puts more here than is written.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Metadata {
    /// The name.
    name: String,
}

/// What there should be.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Spec {
    /// How many hosts run it.
    #[schemars(range(min = 0))]
    replicas: Option<i64>,
    /// How a new version takes the place of an old one.
    deploy_policy: Option<DeployPolicy>,
    /// Artifacts of the cluster.
    #[schemars(default)]
    artifacts: Vec<Value>,
    /// The service of the cluster that leads to it.
    kubernetes: Option<Kubernetes>,
    /// The workload.
    template: Template,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum DeployPolicy {
    RollingUpdate,
    Recreate,
}

/// The service of a cluster that leads to a workload.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Kubernetes {
    /// The service.
    service: Service,
}

/// A service of a cluster.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Service {
    /// Its name.
    name: String,
}

/// A workload and how it is found.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Template {
    /// What other tools want to know.
    #[schemars(default)]
    annotations: BTreeMap<String, String>,
    /// Words by which it is found.
    #[schemars(default)]
    labels: BTreeMap<String, String>,
    /// The workload.
    spec: Workload,
}

/// A workload.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Workload {
    /// The components.
    components: Vec<Component>,
    /// A component that runs all the time.
    service: Option<Value>,
    /// The interfaces of the host that they use.
    #[schemars(default)]
    host_interfaces: Vec<HostInterface>,
    /// Files that they may see.
    #[schemars(default)]
    volumes: Vec<Volume>,
    /// The hosts that may run it.
    #[schemars(default)]
    host_selector: BTreeMap<String, String>,
    /// The host that runs it.
    host_id: Option<String>,
    /// The environment whose hosts may run it.
    environment: Option<String>,
}

/// A component.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Component {
    /// Its name.
    name: String,
    /// The code: `file://` and a path, or a reference into a registry.
    image: String,
    /// When the image is fetched.
    image_pull_policy: Option<String>,
    /// With what it is fetched.
    image_pull_secret: Option<Value>,
    /// Instances that are kept for further calls; 0 makes a new one for each.
    #[schemars(range(min = 0))]
    pool_size: Option<i64>,
    /// Calls after which an instance is dropped; 0 is without end.
    #[schemars(rename = "maxInvocations", range(min = 0))]
    invocations_max: Option<i64>,
    /// Calls that an instance serves at the same time.
    #[schemars(rename = "maxConcurrency", range(min = 0))]
    concurrency_max: Option<i64>,
    /// What it may use.
    local_resources: Option<LocalResources>,
}

/// What a component may use.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct LocalResources {
    /// Linear memory in MiB; -1 is the host's limit.
    memory_limit_mb: Option<i64>,
    /// CPU; -1 is the host's limit.
    cpu_limit: Option<i64>,
    /// The servers that it may ask.
    #[schemars(default)]
    allowed_hosts: Vec<String>,
    /// The names that it may look up.
    #[schemars(default)]
    allowed_ip_name_lookups: Vec<String>,
    /// The ports of the machine that it may connect to.
    #[schemars(default)]
    allowed_host_loopback_ports: Vec<i64>,
    /// Its configuration.
    #[schemars(default)]
    config: BTreeMap<String, String>,
    /// Its environment variables.
    environment: Option<Environment>,
    /// Where it sees volumes.
    #[schemars(default)]
    volume_mounts: Vec<VolumeMount>,
}

/// Environment variables.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Environment {
    /// Names and values.
    #[schemars(default)]
    config: BTreeMap<String, String>,
    /// `ConfigMap`s of the cluster.
    #[schemars(default)]
    config_from: Vec<Value>,
    /// `Secret`s of the cluster.
    #[schemars(default)]
    secret_from: Vec<Value>,
}

/// Where a component sees a volume.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct VolumeMount {
    /// The volume.
    name: String,
    /// The path in the guest.
    mount_path: String,
    /// Whether it may only read.
    #[schemars(default)]
    read_only: bool,
}

/// An interface of the host that components use.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct HostInterface {
    /// The namespace, such as `wasi`.
    namespace: String,
    /// The package, such as `keyvalue`.
    package: String,
    /// The interfaces, such as `store`.
    interfaces: Vec<String>,
    /// The version of the package.
    version: Option<String>,
    /// The name under which components import it.
    name: Option<String>,
    /// Its settings.
    #[schemars(default)]
    config: BTreeMap<String, String>,
    /// `ConfigMap`s of the cluster.
    #[schemars(default)]
    config_from: Vec<Value>,
    /// `Secret`s of the cluster.
    #[schemars(default)]
    secret_from: Vec<Value>,
}

/// Files that components may see.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Volume {
    /// Its name.
    name: String,
    /// An empty one that ends with the workload.
    ephemeral: Option<Value>,
    /// A folder of the host.
    host_path: Option<HostPath>,
}

/// A folder of the host.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct HostPath {
    /// Its path.
    path: String,
}
