//! What the manifests of both generations of wasmCloud share: the tree of a `coracle.toml` into which they are rewritten, and what the
//! interfaces come to that they name. Keys and values keep their places, so that an error found later points at what the author wrote.

use crate::document::{At, Entry, Node, NodeValue, Problems};
use crate::model::NameStyle;

/// The `coracle.toml` that is being written.
pub(super) struct Draft {
    application: Node,
    variables: Node,
    components: Node,
    triggers: Vec<Node>,
}

/// A place in the table of a component.
pub(super) type Keys = &'static [&'static str];

/// What an interface comes to that a component imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Import {
    /// A backend behind a label.
    Labelled(Keys),
    /// HTTP to other servers.
    HttpClient,
    /// Something that every component has, or that its configuration gives.
    Free,
    /// Nothing that there is here.
    Unknown,
}

/// The label of a backend that has no name.
pub(super) const DEFAULT_LABEL: &str = "default";

/// Every HTTP server.
pub(super) const ANY_HTTP: [&str; 2] = ["http://*:*", "https://*:*"];

impl Import {
    /// What `namespace:package` comes to.
    pub(super) fn of(namespace: &str, package: &str) -> Self {
        match (namespace, package) {
            ("wasi" | "wasmcloud", "keyvalue") => Self::Labelled(&["key_value_stores"]),
            ("wasi" | "wasmcloud", "blobstore") => Self::Labelled(&["capabilities", "blob-store"]),
            ("wasi" | "wasmcloud", "messaging") => Self::Labelled(&["capabilities", "messaging"]),
            ("wasmcloud", "postgres") => Self::Labelled(&["capabilities", "postgres"]),
            ("wasi", "http") => Self::HttpClient,
            ("wasi", "config" | "logging" | "clocks" | "random" | "io" | "cli" | "filesystem" | "sockets" | "otel")
            | ("wasmcloud", "secrets" | "bus") => Self::Free,
            _ => Self::Unknown,
        }
    }
}

impl Draft {
    /// One for an application without components.
    pub(super) fn new() -> Self {
        Self { application: table(0), variables: table(0), components: table(0), triggers: Vec::new() }
    }

    /// Sets a key of `[application]` to what the author wrote at `at`.
    pub(super) fn describe(&mut self, key: &str, at: At<'_>) {
        if let Some(node) = at.node {
            self.application.set(key, at.key, node.clone());
        }
    }

    /// Begins a component that is called what stands at `name`. False, and told, when there is one of this name.
    pub(super) fn begin(&mut self, name: At<'_>, problems: &mut Problems<'_>) -> bool {
        let Some(text) = name.node.and_then(Node::as_str) else { return false };
        if self.components.get(text).is_some() {
            problems.error(name.start, format!("two components are called `{text}`"), "give each a name of its own");
            return false;
        }
        self.components.set(text, name.start, table(name.start));
        true
    }

    /// Whether there is a component of this name.
    pub(super) fn has(&self, component: &str) -> bool {
        self.components.get(component).is_some()
    }

    /// The names of all components.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.components.entries().iter().map(|entry| entry.name.as_str())
    }

    /// Sets what stands under `keys` in the table of `component`.
    pub(super) fn set(&mut self, component: &str, keys: &[&str], start: usize, node: Node) {
        let Some((last, around)) = keys.split_last() else { return };
        if let Some(table) = self.descend(component, around, start) {
            table.set(last, start, node);
        }
    }

    /// Adds `node` to the list under `keys`, unless it is in it.
    pub(super) fn add(&mut self, component: &str, keys: &[&str], start: usize, node: Node) {
        let Some((last, around)) = keys.split_last() else { return };
        let Some(table) = self.descend(component, around, start) else { return };
        if table.get(last).is_none() {
            table.set(last, start, Node::synthetic(start, NodeValue::Array(Vec::new())));
        }
        if let Some(NodeValue::Array(items)) = table.get_mut(last).map(|list| &mut list.value)
            && items.iter().all(|item| item.as_str().is_none() || item.as_str() != node.as_str())
        {
            items.push(node);
        }
    }

    /// Lets `component` ask every HTTP server.
    pub(super) fn allow_any_http(&mut self, component: &str, start: usize) {
        for host in ANY_HTTP {
            self.add(component, &["allowed_outbound_hosts"], start, Node::string(host, start));
        }
    }

    /// Lets HTTP requests for `route`, and for one of `hosts` where there are any, wake `component`.
    pub(super) fn answer_http(&mut self, component: Node, route: Node, hosts: Vec<Node>) {
        let start = component.start;
        let mut trigger = table(start);
        trigger.set("component", start, component);
        trigger.set("route", route.start, route);
        if let Some(first) = hosts.first() {
            trigger.set("host", first.start, Node::synthetic(first.start, NodeValue::Array(hosts)));
        }
        self.triggers.push(trigger);
    }

    /// Declares a variable whose value is a secret that the operator gives. The answer is its name.
    pub(super) fn secret(&mut self, name: &str, start: usize) -> String {
        let variable = variable_name(name);
        let mut declaration = table(start);
        for key in ["required", "secret"] {
            declaration.set(key, start, Node::synthetic(start, NodeValue::Boolean(true)));
        }
        self.variables.set(&variable, start, declaration);
        variable
    }

    /// The tree.
    pub(super) fn into_root(self) -> Node {
        let triggers = Node::synthetic(0, NodeValue::Array(self.triggers));
        let kinds = Node::synthetic(0, NodeValue::Table(vec![entry("http", triggers)]));
        let parts = [("application", self.application), ("variables", self.variables), ("trigger", kinds), ("component", self.components)];
        Node::synthetic(0, NodeValue::Table(parts.into_iter().map(|(name, node)| entry(name, node)).collect()))
    }

    /// The table at `keys` in that of `component`, made where it is not there.
    fn descend(&mut self, component: &str, keys: &[&str], start: usize) -> Option<&mut Node> {
        let mut at = self.components.get_mut(component)?;
        for key in keys {
            if at.get(key).is_none() {
                at.set(key, start, table(start));
            }
            at = at.get_mut(key)?;
        }
        Some(at)
    }
}

/// The file that an image is. Other images are in registries, which is told.
pub(super) fn source(image: At<'_>, problems: &mut Problems<'_>) -> Option<Node> {
    let text = image.node?.as_str()?;
    match text.strip_prefix("file://") {
        Some(path) if !path.is_empty() => Some(Node::string(path, image.start)),
        _ => {
            problems.error(
                image.start,
                format!("the image `{text}` is in a registry, and this version reads files only"),
                "fetch it (`wash oci pull`), and write `file://` and the path of the WebAssembly file, from this manifest's folder",
            );
            None
        }
    }
}

/// The name of a variable that is nearest to `name`.
fn variable_name(name: &str) -> String {
    let mut variable = String::new();
    for character in name.chars() {
        match character.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => variable.push(letter),
            _ if !variable.is_empty() && !variable.ends_with('_') => variable.push('_'),
            _ => {}
        }
    }
    let variable = variable.trim_end_matches('_').to_owned();
    if NameStyle::LowerSnake.check(&variable).is_ok() { variable } else { format!("secret_{variable}") }
}

/// An empty table.
pub(super) fn table(start: usize) -> Node {
    Node::synthetic(start, NodeValue::Table(Vec::new()))
}

fn entry(name: &str, node: Node) -> Entry {
    Entry { name: name.to_owned(), start: node.start, node }
}
