//! Generated from the JSON Schema of the tables by a test of this crate: `UPDATE_EXPECT=1 cargo test -p coracle-app --lib` writes it
//! anew after a change of the tables.

use crate::document::{Additional, Part, Shape, Type};

#[rustfmt::skip]
pub(super) static MANIFEST: Shape = Shape { types: &[Type::Table], required: &["apiVersion", "kind", "metadata", "spec"], additional: Additional::Closed, properties: &[
    ("apiVersion", Part { about: "`runtime.wasmcloud.dev/v1alpha1`", own: false, shape: &STRING }),
    ("kind", Part { about: "`WorkloadDeployment`", own: false, shape: &STRING }),
    ("metadata", Part { about: "What it is called", own: false, shape: &METADATA }),
    ("spec", Part { about: "What there should be", own: false, shape: &SPEC }),
    ("status", Part { about: "What a cluster says of it", own: false, shape: &ANY }),
], ..Shape::ANY };

#[rustfmt::skip]
static METADATA: Shape = Shape { types: &[Type::Table], required: &["name"], properties: &[
    ("name", Part { about: "The name", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static SPEC: Shape = Shape { types: &[Type::Table], required: &["template"], additional: Additional::Closed, properties: &[
    ("replicas", Part { about: "How many hosts run it", own: false, shape: &INTEGER_FROM_0 }),
    ("deployPolicy", Part { about: "How a new version takes the place of an old one", own: false, shape: &DEPLOY_POLICY }),
    ("artifacts", Part { about: "Artifacts of the cluster", own: false, shape: &ANY_ARRAY }),
    ("kubernetes", Part { about: "The service of the cluster that leads to it", own: false, shape: &KUBERNETES }),
    ("template", Part { about: "The workload", own: false, shape: &TEMPLATE }),
], ..Shape::ANY };

#[rustfmt::skip]
static DEPLOY_POLICY: Shape = Shape { types: &[Type::String], literals: &["RollingUpdate", "Recreate"], ..Shape::ANY };

#[rustfmt::skip]
static KUBERNETES: Shape = Shape { types: &[Type::Table], required: &["service"], additional: Additional::Closed, properties: &[
    ("service", Part { about: "The service", own: false, shape: &SERVICE }),
], ..Shape::ANY };

#[rustfmt::skip]
static SERVICE: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static TEMPLATE: Shape = Shape { types: &[Type::Table], required: &["spec"], additional: Additional::Closed, properties: &[
    ("annotations", Part { about: "What other tools want to know", own: false, shape: &STRING_TABLE }),
    ("labels", Part { about: "Words by which it is found", own: false, shape: &STRING_TABLE }),
    ("spec", Part { about: "The workload", own: false, shape: &WORKLOAD }),
], ..Shape::ANY };

#[rustfmt::skip]
static WORKLOAD: Shape = Shape { types: &[Type::Table], required: &["components"], additional: Additional::Closed, properties: &[
    ("components", Part { about: "The components", own: false, shape: &COMPONENT_ARRAY }),
    ("service", Part { about: "A component that runs all the time", own: false, shape: &ANY }),
    ("hostInterfaces", Part { about: "The interfaces of the host that they use", own: false, shape: &HOST_INTERFACE_ARRAY }),
    ("volumes", Part { about: "Files that they may see", own: false, shape: &VOLUME_ARRAY }),
    ("hostSelector", Part { about: "The hosts that may run it", own: false, shape: &STRING_TABLE }),
    ("hostId", Part { about: "The host that runs it", own: false, shape: &STRING }),
    ("environment", Part { about: "The environment whose hosts may run it", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT: Shape = Shape { types: &[Type::Table], required: &["name", "image"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
    ("image", Part { about: "The code: `file://` and a path, or a reference into a registry", own: false, shape: &STRING }),
    ("imagePullPolicy", Part { about: "When the image is fetched", own: false, shape: &STRING }),
    ("imagePullSecret", Part { about: "With what it is fetched", own: false, shape: &ANY }),
    ("poolSize", Part { about: "Instances that are kept for further calls; 0 makes a new one for each", own: false, shape: &INTEGER_FROM_0 }),
    ("maxInvocations", Part { about: "Calls after which an instance is dropped; 0 is without end", own: false, shape: &INTEGER_FROM_0 }),
    ("maxConcurrency", Part { about: "Calls that an instance serves at the same time", own: false, shape: &INTEGER_FROM_0 }),
    ("localResources", Part { about: "What it may use", own: false, shape: &LOCAL_RESOURCES }),
], ..Shape::ANY };

#[rustfmt::skip]
static LOCAL_RESOURCES: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("memoryLimitMb", Part { about: "Linear memory in MiB; -1 is the host's limit", own: false, shape: &INTEGER }),
    ("cpuLimit", Part { about: "CPU; -1 is the host's limit", own: false, shape: &INTEGER }),
    ("allowedHosts", Part { about: "The servers that it may ask", own: false, shape: &STRING_ARRAY }),
    ("allowedIpNameLookups", Part { about: "The names that it may look up", own: false, shape: &STRING_ARRAY }),
    ("allowedHostLoopbackPorts", Part { about: "The ports of the machine that it may connect to", own: false, shape: &INTEGER_ARRAY }),
    ("config", Part { about: "Its configuration", own: false, shape: &STRING_TABLE }),
    ("environment", Part { about: "Its environment variables", own: false, shape: &ENVIRONMENT }),
    ("volumeMounts", Part { about: "Where it sees volumes", own: false, shape: &VOLUME_MOUNT_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static ENVIRONMENT: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("config", Part { about: "Names and values", own: false, shape: &STRING_TABLE }),
    ("configFrom", Part { about: "`ConfigMap`s of the cluster", own: false, shape: &ANY_ARRAY }),
    ("secretFrom", Part { about: "`Secret`s of the cluster", own: false, shape: &ANY_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static VOLUME_MOUNT: Shape = Shape { types: &[Type::Table], required: &["name", "mountPath"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "The volume", own: false, shape: &STRING }),
    ("mountPath", Part { about: "The path in the guest", own: false, shape: &STRING }),
    ("readOnly", Part { about: "Whether it may only read", own: false, shape: &BOOLEAN }),
], ..Shape::ANY };

#[rustfmt::skip]
static HOST_INTERFACE: Shape = Shape { types: &[Type::Table], required: &["namespace", "package", "interfaces"], additional: Additional::Closed, properties: &[
    ("namespace", Part { about: "The namespace, such as `wasi`", own: false, shape: &STRING }),
    ("package", Part { about: "The package, such as `keyvalue`", own: false, shape: &STRING }),
    ("interfaces", Part { about: "The interfaces, such as `store`", own: false, shape: &STRING_ARRAY }),
    ("version", Part { about: "The version of the package", own: false, shape: &STRING }),
    ("name", Part { about: "The name under which components import it", own: false, shape: &STRING }),
    ("config", Part { about: "Its settings", own: false, shape: &STRING_TABLE }),
    ("configFrom", Part { about: "`ConfigMap`s of the cluster", own: false, shape: &ANY_ARRAY }),
    ("secretFrom", Part { about: "`Secret`s of the cluster", own: false, shape: &ANY_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static VOLUME: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
    ("ephemeral", Part { about: "An empty one that ends with the workload", own: false, shape: &ANY }),
    ("hostPath", Part { about: "A folder of the host", own: false, shape: &HOST_PATH }),
], ..Shape::ANY };

#[rustfmt::skip]
static HOST_PATH: Shape = Shape { types: &[Type::Table], required: &["path"], additional: Additional::Closed, properties: &[
    ("path", Part { about: "Its path", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static ANY: Shape = Shape::ANY;

#[rustfmt::skip]
static ANY_ARRAY: Shape = Shape { types: &[Type::Array], ..Shape::ANY };

#[rustfmt::skip]
static BOOLEAN: Shape = Shape { types: &[Type::Boolean], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &COMPONENT }), ..Shape::ANY };

#[rustfmt::skip]
static HOST_INTERFACE_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &HOST_INTERFACE }), ..Shape::ANY };

#[rustfmt::skip]
static INTEGER: Shape = Shape { types: &[Type::Integer], ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &INTEGER }), ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_FROM_0: Shape = Shape { types: &[Type::Integer], integer_min: 0, ..Shape::ANY };

#[rustfmt::skip]
static STRING: Shape = Shape { types: &[Type::String], ..Shape::ANY };

#[rustfmt::skip]
static STRING_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static STRING_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static VOLUME_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &VOLUME }), ..Shape::ANY };

#[rustfmt::skip]
static VOLUME_MOUNT_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &VOLUME_MOUNT }), ..Shape::ANY };
