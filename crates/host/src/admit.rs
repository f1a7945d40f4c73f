//! What a component imports against what it was granted. An interface that nobody knows is refused; one that was not granted loads, and
//! is told to the operator with the manifest line that would grant it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use coracle_app::{Component, ComponentId};
use coracle_capabilities::{ALL, is_unavailable, labelled};
use coracle_engine::{Component as Loaded, Import, Interface, LABELS_MAX};
use serde_json::Value;
use wasmtime::component::types::ComponentItem;

use crate::binding::labels_of;

/// An import that the component was not granted: calls of it are denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The component.
    pub component: ComponentId,
    /// The interface that it imports.
    pub interface: Import,
    /// The manifest line that grants it; `None` for what this version does not have.
    pub line: Option<Cow<'static, str>>,
}

/// Why a component may not load.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It imports interfaces that no capability answers.
    #[error("component `{component}` imports {interfaces}, which this host does not have; `coracle capabilities` lists what there is")]
    Unknown {
        /// The component.
        component: ComponentId,
        /// The interfaces.
        interfaces: String,
    },
    /// It imports an interface under a label that means nothing there.
    #[error(
        "component `{component}` imports `{import}` under a label, and this host has that interface only under its own name; import it without one"
    )]
    Label {
        /// The component.
        component: ComponentId,
        /// The import.
        import: Box<Import>,
    },
    /// It imports more under labels than it may.
    #[error("component `{component}` has {labels} imports under a label; {LABELS_MAX} are possible")]
    TooManyLabels {
        /// The component.
        component: ComponentId,
        /// How many.
        labels: usize,
    },
    /// It cannot run without what it imports, which it was not granted.
    #[error("component `{component}` imports `{import}` and cannot run without it, and `{}` is not granted; {remedy}", .import.own_name())]
    Required {
        /// The component.
        component: ComponentId,
        /// The import.
        import: Box<Import>,
        /// The way out.
        remedy: String,
    },
    /// It imports what it was not granted, and its manifest asks for strictness.
    #[error("component `{component}` imports `{interface}` without a grant, and has `strict_imports = true`; {remedy}")]
    Strict {
        /// The component.
        component: ComponentId,
        /// The interface.
        interface: Box<Import>,
        /// The way out.
        remedy: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, interface, line } = self;
        match line {
            Some(line) => write!(f, "component `{component}` imports `{interface}` without a grant; to allow it add `{line}`"),
            None => write!(f, "component `{component}` imports `{interface}`, which this version does not have; each call is denied"),
        }
    }
}

/// The capability's interface that answers `import`.
#[must_use]
pub fn interface_of(import: &Import) -> Option<&'static Interface> {
    let mut interfaces = ALL.iter().flat_map(|capability| capability.interfaces());
    interfaces.find(|interface| interface.answers(&import.name, import.version.as_deref()))
}

/// Checks the imports of `loaded`.
///
/// # Errors
/// [`AdmitError`] for an import that nobody knows, or that is not granted where the manifest is strict.
pub(crate) fn check(component: &Component, loaded: &Loaded, grants: &BTreeMap<String, Value>) -> Result<Vec<Notice>, AdmitError> {
    let imports = needed(loaded);
    let imports = || imports.iter().filter(|import| !import.is_denied());
    let is_known = |import: &Import| interface_of(import).is_some() || is_unavailable(import);
    let unknown: Vec<_> = imports().filter(|import| !is_known(import)).map(|import| format!("`{import}`")).collect();
    if !unknown.is_empty() {
        return Err(AdmitError::Unknown { component: component.id.clone(), interfaces: unknown.join(", ") });
    }
    let labels = loaded.shape().labelled().count();
    if labels > LABELS_MAX {
        return Err(AdmitError::TooManyLabels { component: component.id.clone(), labels });
    }
    if let Some(import) = imports().find(|import| !may_have_its_label(import)) {
        return Err(AdmitError::Label { component: component.id.clone(), import: Box::new(import.clone()) });
    }
    let mut notices = Vec::new();
    for import in imports() {
        let key = interface_of(import).and_then(|interface| interface.granted_by);
        let line = key.and_then(|key| line_of(key, import));
        if !is_unavailable(import) && (line.is_none() || key.is_none_or(|key| is_granted(import, key, grants))) {
            continue;
        }
        if is_required(import) {
            let remedy = format!("add `{}` to its manifest", line.unwrap_or_default());
            return Err(AdmitError::Required { component: component.id.clone(), import: Box::new(import.clone()), remedy });
        }
        if component.strict_imports && !key.is_some_and(is_ambient) {
            let remedy = line.as_ref().map_or_else(|| "remove the import".to_owned(), |line| format!("add `{line}` to its manifest"));
            return Err(AdmitError::Strict { component: component.id.clone(), interface: Box::new(import.clone()), remedy });
        }
        notices.push(Notice { component: component.id.clone(), interface: import.clone(), line });
    }
    Ok(notices)
}

/// The imports that something must answer: an interface of types alone is there without a host.
fn needed(loaded: &Loaded) -> Vec<Import> {
    // All of what a program of WASI 0.1 imports is linked, and its grants show in what it finds there.
    let Some(compiled) = loaded.compiled() else { return Vec::new() };
    let (component, engine) = (compiled.component_type(), compiled.engine());
    let needs = |item: &ComponentItem| match item {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).any(|(_, export)| matches!(export.ty, ComponentItem::ComponentFunc(_) | ComponentItem::Resource(_)))
        }
        ComponentItem::Type(_) => false,
        _ => true,
    };
    component.imports(engine).filter(|(_, import)| needs(&import.ty)).map(|(name, import)| Import::of(name, import.implements)).collect()
}

/// Whether `import` may have the label that it has, if it has one.
#[must_use]
pub fn may_have_its_label(import: &Import) -> bool {
    import.label.is_none() || is_unavailable(import) || labelled(import).is_some()
}

/// Whether a component with `import` does not load without a grant of its label.
#[must_use]
pub fn is_required(import: &Import) -> bool {
    import.label.is_some() && labelled(import).is_some_and(|(_, labelled)| labelled.is_required)
}

/// Whether `grants` allow `import`, which they allow under `key`: an import under a label needs that label.
#[must_use]
pub fn is_granted(import: &Import, key: &str, grants: &BTreeMap<String, Value>) -> bool {
    let granted = grants.get(key);
    match &import.label {
        None => granted.is_some(),
        Some(label) => granted.is_some_and(|granted| labels_of(granted).any(|known| known == label)),
    }
}

/// The manifest line that grants `import` under `key`.
#[must_use]
pub fn line_of(key: &str, import: &Import) -> Option<Cow<'static, str>> {
    let line = line(key)?;
    Some(match &import.label {
        None => line.into(),
        // The variable may be called anything; its names have no `-`.
        Some(label) if key == SECRETS => format!("capabilities = {{ secrets = {{ {label} = \"{}\" }} }}", label.replace('-', "_")).into(),
        Some(label) => line.replace("default", label).into(),
    })
}

/// The key of secrets, whose labels are their names.
const SECRETS: &str = "secrets";

fn line(key: &str) -> Option<&'static str> {
    Some(match key {
        "blob-store" => "blob_stores = [\"default\"]",
        "messaging" => "messaging = { default = [\"orders.>\"] }",
        "ai-models" => "ai_models = [\"llama2-chat\"]",
        "environment" => "environment = { NAME = \"value\" }",
        "files" => "files = [\"assets/**/*\"]",
        "key-value" => "key_value_stores = [\"default\"]",
        "outbound-hosts" => "allowed_outbound_hosts = [\"https://example.com\"]",
        SECRETS => "capabilities = { secrets = [\"api_token\"] }",
        "postgres" => "capabilities = { postgres = [\"default\"] }",
        "sqlite" => "sqlite_databases = [\"default\"]",
        "variables" => "variables = { name = \"{{ name }}\" }",
        _ => return None,
    })
}

/// Whether every toolchain imports what `key` grants, wanted or not: an empty environment and no files are no surprise.
#[must_use]
pub fn is_ambient(key: &str) -> bool {
    matches!(key, "environment" | "files")
}
