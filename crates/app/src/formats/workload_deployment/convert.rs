//! Rewrites a `WorkloadDeployment` whose structure was checked.

use crate::document::{At, Node, NodeValue, Problems};
use crate::formats::wasmcloud::{DEFAULT_LABEL, Draft, Import, source, table};

/// Keys that only a cluster can follow, and what to do instead.
const OF_A_CLUSTER: &[(&str, &str)] = &[
    ("configFrom", "write the values out"),
    ("secretFrom", "give the values to the program: `--env`, `--variable`, or a variable provider"),
    ("allowedIpNameLookups", "name the servers in `allowedHosts`, or in `allowed_outbound_hosts` of a coracle.toml"),
    ("allowedHostLoopbackPorts", "name the servers in `allowed_outbound_hosts` of a coracle.toml, such as `tcp://127.0.0.1:5432`"),
];

/// Interfaces by which a component is called, of messages and of stores.
const CALLING: &[&str] = &["handler", "incoming-handler", "watcher"];

/// The tree of the `coracle.toml` that says the same.
pub(super) fn to_coracle(root: &Node, problems: &mut Problems<'_>) -> Node {
    let at = At::root(root);
    let (spec, workload) = (at.child("spec"), at.child("spec").child("template").child("spec"));
    let mut draft = Draft::new();
    draft.describe("name", at.child("metadata").child("name"));
    warn_of_placement(spec, workload, problems);
    for (at, key, remedy) in [
        (spec, "artifacts", "name the WebAssembly file as the component's `image`"),
        (workload, "service", "leave it out: what runs all the time is no application of this host"),
    ] {
        let place = at.child(key);
        if place.node.is_some_and(|node| !node.items().is_empty() || !node.entries().is_empty()) {
            problems.error(place.key, format!("`{key}` needs a cluster of wasmCloud"), remedy);
        }
    }
    let mut conversion = Conversion { draft, workload, problems };
    for component in workload.child("components").items() {
        conversion.component(component);
    }
    for interface in workload.child("hostInterfaces").items() {
        conversion.host_interface(interface);
    }
    conversion.draft.into_root()
}

/// Tells what decides where a workload runs: here it runs where it is started.
fn warn_of_placement(spec: At<'_>, workload: At<'_>, problems: &mut Problems<'_>) {
    let replicas = spec.child("replicas");
    if replicas.node.is_some_and(|node| !matches!(node.value, NodeValue::Integer(1))) {
        problems.warn(replicas.key, "`replicas` has no effect: start the program as often as it is wanted");
    }
    for key in ["hostSelector", "hostId", "environment"] {
        let place = workload.child(key);
        if place.node.is_some() {
            problems.warn(place.key, format!("`{key}` has no effect: a workload runs on the host that serves it"));
        }
    }
}

fn text(at: At<'_>) -> Option<&str> {
    at.node.and_then(Node::as_str)
}

fn integer(at: At<'_>) -> Option<i64> {
    match at.node?.value {
        NodeValue::Integer(number) => Some(number),
        _ => None,
    }
}

struct Conversion<'d, 'p, 't> {
    draft: Draft,
    workload: At<'d>,
    problems: &'p mut Problems<'t>,
}

impl Conversion<'_, '_, '_> {
    fn component(&mut self, component: At<'_>) {
        let name = component.child("name");
        if !self.draft.begin(name, self.problems) {
            return;
        }
        let Some(name) = text(name) else { return };
        let image = component.child("image");
        if let Some(path) = source(image, self.problems) {
            self.draft.set(name, &["source"], image.key, path);
        }
        self.instances(name, component);
        let resources = component.child("localResources");
        self.refuse_what_needs_a_cluster(resources);
        self.refuse_what_needs_a_cluster(resources.child("environment"));
        for (key, value) in resources.child("config").entries() {
            self.copy(name, &["variables", key], value);
        }
        for (key, value) in resources.child("environment").child("config").entries() {
            self.copy(name, &["environment", key], value);
        }
        for host in resources.child("allowedHosts").items() {
            self.allow_host(name, host);
        }
        for mount in resources.child("volumeMounts").items() {
            self.mount(name, mount);
        }
        self.limits(name, resources);
    }

    /// Puts what the author wrote at `value` under `keys`.
    fn copy(&mut self, component: &str, keys: &[&str], value: At<'_>) {
        if let Some(node) = value.node {
            self.draft.set(component, keys, value.key, node.clone());
        }
    }

    /// How instances live: those of a pool are used again.
    fn instances(&mut self, name: &str, component: At<'_>) {
        let pool = component.child("poolSize");
        if integer(pool).is_none_or(|size| size == 0) {
            return;
        }
        self.draft.set(name, &["instances", "policy"], pool.key, Node::string("reuse", pool.start));
        for (key, own) in [("maxInvocations", "requests_max"), ("maxConcurrency", "concurrent_max")] {
            let count = component.child(key);
            if integer(count).is_some_and(|count| count > 0) {
                self.copy(name, &["instances", own], count);
            }
        }
    }

    fn limits(&mut self, name: &str, resources: At<'_>) {
        let memory = resources.child("memoryLimitMb");
        if let Some(mib) = integer(memory).filter(|mib| *mib >= 0) {
            self.draft.set(name, &["limits", "memory"], memory.key, Node::string(format!("{mib}MiB"), memory.start));
        }
        let cpu = resources.child("cpuLimit");
        if integer(cpu).is_some_and(|cpu| cpu >= 0) {
            let remedy = "remove it, or write `limits = { cpu = \"1s\" }` in a coracle.toml";
            self.problems.error(cpu.start, "`cpuLimit` does not say what it counts", remedy);
        }
    }

    /// A server that the component may ask: with a scheme as it stands, without one by HTTP and HTTPS.
    fn allow_host(&mut self, name: &str, host: At<'_>) {
        let Some(host_text) = text(host) else { return };
        let allowed = if host_text.contains("://") {
            vec![host_text.to_owned()]
        } else {
            let port = if host_text == "*" { ":*" } else { "" };
            ["http", "https"].map(|scheme| format!("{scheme}://{host_text}{port}")).to_vec()
        };
        for allowed in allowed {
            self.draft.add(name, &["allowed_outbound_hosts"], host.key, Node::string(allowed, host.start));
        }
    }

    fn mount(&mut self, name: &str, mount: At<'_>) {
        let volume_name = mount.child("name");
        let Some(wanted) = text(volume_name) else { return };
        let Some(volume) = self.workload.child("volumes").items().find(|volume| text(volume.child("name")) == Some(wanted)) else {
            return self.problems.error(volume_name.start, format!("there is no volume `{wanted}`"), "add it to `volumes`");
        };
        let path = volume.child("hostPath").child("path");
        let Some(source) = path.node else {
            let remedy = "name a folder: `hostPath: { path: data }`";
            return self.problems.error(volume.start, format!("the volume `{wanted}` is no folder of the host"), remedy);
        };
        let mut file = table(mount.start);
        file.set("source", path.start, source.clone());
        if let Some(destination) = mount.child("mountPath").node {
            file.set("destination", destination.start, destination.clone());
        }
        let is_read_only = mount.child("readOnly").node.is_some_and(|node| matches!(node.value, NodeValue::Boolean(true)));
        file.set("writable", mount.start, Node::synthetic(mount.start, NodeValue::Boolean(!is_read_only)));
        self.draft.add(name, &["files"], mount.start, file);
    }

    fn refuse_what_needs_a_cluster(&mut self, at: At<'_>) {
        for (key, remedy) in OF_A_CLUSTER {
            let place = at.child(key);
            if place.items().next().is_some() {
                self.problems.error(place.key, format!("`{key}` is not supported"), *remedy);
            }
        }
    }

    /// An interface of the host, which every component of the workload has.
    fn host_interface(&mut self, interface: At<'_>) {
        self.refuse_what_needs_a_cluster(interface);
        let (namespace, package) = (interface.child("namespace"), interface.child("package"));
        let (Some(namespace_text), Some(package_text)) = (text(namespace), text(package)) else { return };
        let names: Vec<_> = interface.child("interfaces").items().filter_map(text).collect();
        if namespace_text == "wasi" && package_text == "http" {
            if names.iter().any(|name| ["incoming-handler", "handler"].contains(name)) {
                self.answer_http(interface);
            }
            return;
        }
        // What calls a component, as a message does.
        if let Some(handler) = names.iter().find(|name| CALLING.contains(name)) {
            let message = format!("`{namespace_text}:{package_text}/{handler}` calls a component, and this version has no trigger for it");
            self.problems.error(package.start, message, "remove the interface; HTTP requests are what wakes components here");
        }
        match Import::of(namespace_text, package_text) {
            Import::Labelled(keys) => {
                let label = interface.child("name");
                let text = text(label).unwrap_or(DEFAULT_LABEL);
                for component in self.component_names() {
                    self.draft.add(&component, keys, interface.key, Node::string(text, label.start));
                }
                let settings = interface.child("config");
                if settings.entries().next().is_some() {
                    let message = format!("`config` has no effect: the operator binds the label `{text}` in the runtime configuration");
                    self.problems.warn(settings.key, message);
                }
            }
            Import::HttpClient | Import::Free => {}
            Import::Unknown => self.problems.error(
                package.start,
                format!("`{namespace_text}:{package_text}` is an interface that no capability has"),
                "remove it; `coracle capabilities --interfaces` lists what there is",
            ),
        }
    }

    fn component_names(&self) -> Vec<String> {
        self.draft.names().map(str::to_owned).collect()
    }

    /// Requests for the hosts that the interface names wake the one component of the workload.
    fn answer_http(&mut self, interface: At<'_>) {
        let mut hosts = Vec::new();
        for (key, value) in interface.child("config").entries() {
            let names = text(value).unwrap_or_default();
            match key {
                "host" | "host-aliases" => {
                    let each = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                    hosts.extend(each.map(|name| Node::string(name, value.start)));
                }
                _ => self.problems.error(value.key, format!("`{key}` is a setting of HTTP that there is not here"), "remove it"),
            }
        }
        match self.component_names().as_slice() {
            [] => {}
            [only] => {
                let route = Node::string("/...", interface.start);
                self.draft.answer_http(Node::string(only.as_str(), interface.start), route, hosts);
            }
            _ => self.problems.error(
                interface.start,
                "which of the components answers HTTP is not said",
                "describe the workload in a coracle.toml: a trigger names the component, and `dependencies` plug others into it",
            ),
        }
    }
}
