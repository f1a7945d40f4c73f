//! Rewrites a wadm manifest whose structure was checked.

use std::collections::BTreeSet;

use super::http_server;
use crate::document::{At, Node, NodeValue, Problems, nearest};
use crate::formats::wasmcloud::{DEFAULT_LABEL, Draft, Import, source, table};

/// The tree of the `coracle.toml` that says the same.
pub(super) fn to_coracle(root: &Node, problems: &mut Problems<'_>) -> Node {
    let at = At::root(root);
    let (metadata, spec) = (at.child("metadata"), at.child("spec"));
    let mut draft = Draft::new();
    draft.describe("name", metadata.child("name"));
    for key in ["version", "description"] {
        draft.describe(key, metadata.child("annotations").child(key));
    }
    let mut providers = BTreeSet::new();
    for component in spec.child("components").items() {
        if is_provider(component) {
            providers.extend(text(component.child("name")));
        } else {
            begin(&mut draft, component, problems);
        }
    }
    for component in spec.child("components").items() {
        let mut linker = Linker { draft: &mut draft, providers: &providers, problems };
        linker.traits(component);
    }
    draft.into_root()
}

/// The text at a place.
pub(super) fn text(at: At<'_>) -> Option<&str> {
    at.node.and_then(Node::as_str)
}

fn is_provider(component: At<'_>) -> bool {
    text(component.child("type")) == Some("capability")
}

/// Begins a component with its code, configuration and secrets.
fn begin(draft: &mut Draft, component: At<'_>, problems: &mut Problems<'_>) {
    let (name, properties) = (component.child("name"), component.child("properties"));
    if !draft.begin(name, problems) {
        return;
    }
    let name = text(name).unwrap_or_default();
    let shared = properties.child("application");
    if shared.node.is_some() {
        let remedy = "copy that component into this manifest";
        return problems.error(shared.key, format!("`{name}` is a component of another application, which cannot be reached"), remedy);
    }
    let image = properties.child("image");
    if image.node.is_none() {
        return problems.error(properties.key, format!("component `{name}` has no `image`"), "add `image: file://component.wasm`");
    }
    if let Some(path) = source(image, problems) {
        draft.set(name, &["source"], image.key, path);
    }
    for (key, value) in values(properties.child("config"), problems) {
        draft.set(name, &["variables", key], value.start, Node::string(text(value).unwrap_or_default(), value.start));
    }
    for secret in properties.child("secrets").items() {
        let asked = secret.child("name");
        let Some(key) = text(asked) else { continue };
        let variable = draft.secret(key, asked.start);
        draft.set(name, &["capabilities", "secrets", key], asked.start, Node::string(variable, asked.start));
    }
}

/// The values of a list of named configuration: a later one takes the place of an earlier one.
pub(super) fn values<'d>(list: At<'d>, problems: &mut Problems<'_>) -> Vec<(&'d str, At<'d>)> {
    let mut values = Vec::new();
    for config in list.items() {
        let properties = config.child("properties");
        if properties.node.is_none() {
            let name = text(config.child("name")).unwrap_or_default();
            let remedy = "write its values under `properties`";
            problems.error(config.start, format!("the configuration `{name}` is kept in a lattice, and there is none here"), remedy);
        }
        values.extend(properties.entries());
    }
    values
}

struct Linker<'a, 't> {
    draft: &'a mut Draft,
    providers: &'a BTreeSet<&'a str>,
    problems: &'a mut Problems<'t>,
}

impl Linker<'_, '_> {
    fn traits(&mut self, component: At<'_>) {
        let provides = is_provider(component);
        let Some(name) = text(component.child("name")) else { return };
        for it in component.child("traits").items() {
            let properties = it.child("properties");
            match text(it.child("type")) {
                Some("link") if provides => self.link_of_provider(component, properties),
                Some("link") => self.link_of_component(name, properties),
                _ if provides => {}
                _ => self.scale(name, properties),
            }
        }
    }

    /// How many run at once. Where they run is not to be chosen.
    fn scale(&mut self, name: &str, properties: At<'_>) {
        if let Some(spread) = properties.child("spread").items().next() {
            self.problems.warn(spread.start, format!("`spread` of `{name}` has no effect: an application runs on the host that serves it"));
        }
        for instances in [properties.child("replicas"), properties.child("instances")] {
            // None at all is how wadm stops a component; here an application that is not wanted is not started.
            if let Some(node) = instances.node.filter(|node| !matches!(node.value, NodeValue::Integer(0))) {
                self.draft.set(name, &["limits", "concurrency"], instances.key, node.clone());
            }
        }
    }

    /// A provider calls a component: for HTTP requests, or for what there is no trigger for.
    fn link_of_provider(&mut self, provider: At<'_>, link: At<'_>) {
        let Some(target) = self.target(link) else { return };
        match (text(link.child("namespace")), text(link.child("package"))) {
            (Some("wasi"), Some("http")) => http_server::link(self.draft, provider, link, target, self.problems),
            (namespace, package) => {
                let (namespace, package) = (namespace.unwrap_or_default(), package.unwrap_or_default());
                self.problems.error(
                    link.child("package").start,
                    format!("the link calls a component by `{namespace}:{package}`, and this version has no trigger for it"),
                    "remove the link; HTTP requests are what wakes components here",
                );
            }
        }
    }

    /// A component calls a provider, whose part a capability has here, or another component, which becomes a part of it.
    fn link_of_component(&mut self, name: &str, link: At<'_>) {
        let Some(target) = self.target(link) else { return };
        let (namespace, package) = (text(link.child("namespace")).unwrap_or_default(), text(link.child("package")).unwrap_or_default());
        let called = target.node.and_then(Node::as_str).unwrap_or_default();
        if self.draft.has(called) {
            return self.plug(name, link, target);
        }
        match Import::of(namespace, package) {
            Import::Labelled(keys) => {
                let label = link.child("name");
                let text = text(label).unwrap_or(DEFAULT_LABEL);
                self.draft.add(name, keys, link.key, Node::string(text, label.start));
                self.warn_of_settings(link, called, text);
            }
            Import::HttpClient => {
                self.draft.allow_any_http(name, link.key);
                self.problems.warn(link.child("package").start, format!("the link lets `{name}` ask every HTTP server; a coracle.toml can name those that it needs in `allowed_outbound_hosts`"));
            }
            Import::Free => {}
            Import::Unknown => self.problems.error(
                link.child("package").start,
                format!("`{namespace}:{package}` is an interface that no capability has"),
                "remove the link; `coracle capabilities --interfaces` lists what there is",
            ),
        }
    }

    /// Plugs the component at `target` into the imports of `name`.
    fn plug(&mut self, name: &str, link: At<'_>, target: At<'_>) {
        let (namespace, package) = (text(link.child("namespace")).unwrap_or_default(), text(link.child("package")).unwrap_or_default());
        for interface in link.child("interfaces").items() {
            let mut dependency = table(target.start);
            if let Some(node) = target.node {
                dependency.set("component", target.start, node.clone());
            }
            let import = format!("{namespace}:{package}/{}", text(interface).unwrap_or_default());
            self.draft.set(name, &["dependencies", &import], interface.start, dependency);
        }
    }

    /// What a link says to its provider is the operator's to say here.
    fn warn_of_settings(&mut self, link: At<'_>, provider: &str, label: &str) {
        let target = link.child("target");
        let said = [target.child("config"), target.child("secrets"), link.child("target_config")];
        if let Some(at) = said.into_iter().find(|at| at.items().next().is_some()) {
            let message =
                format!("what is said to `{provider}` has no effect: the operator binds the label `{label}` in the runtime configuration");
            self.problems.warn(at.key, message);
        }
    }

    /// The name of the other side, which must be in the manifest.
    fn target<'d>(&mut self, link: At<'d>) -> Option<At<'d>> {
        let target = link.child("target");
        let name = if text(target).is_some() { target } else { target.child("name") };
        let called = text(name)?;
        if self.draft.has(called) || self.providers.contains(called) {
            return Some(name);
        }
        let known = self.draft.names().chain(self.providers.iter().copied());
        let remedy = nearest(called, known).map_or_else(|| "add it to `components`".to_owned(), |near| format!("did you mean `{near}`?"));
        self.problems.error(name.start, format!("`{called}` is not in this manifest"), remedy);
        None
    }
}
