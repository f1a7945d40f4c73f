//! What the components of an app are and want, found without running them: their code, what they import and export, and whether the
//! manifest grants it.

use std::borrow::Cow;
use std::path::Path;

use coracle_app::{App, Component, ComponentId, DependencySource, Trigger};
use coracle_capabilities::is_unavailable;
use coracle_engine::{Generation, Import, LoadError, Shape, examine};
use coracle_host::{SourceError, Sources, interface_of, is_ambient, is_granted, is_required, line_of, may_have_its_label};

use crate::project::Project;

/// One component, looked at from outside.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its code.
    pub(crate) bytes: Vec<u8>,
    /// What the code is.
    pub(crate) shape: Shape,
    /// What it imports, with what the manifest says about it.
    pub(crate) imports: Vec<(Import, Standing)>,
    /// Why it does not load.
    pub(crate) fault: Option<LoadError>,
}

/// How an import stands with the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It needs no grant.
    Free,
    /// It is granted, under this key.
    Granted(&'static str),
    /// It is not granted: calls are denied. The line grants it.
    Denied {
        /// The manifest line that grants it.
        line: Cow<'static, str>,
        /// Whether every toolchain imports it, wanted or not.
        ambient: bool,
    },
    /// It is not granted, and the component does not load without it. The line grants it.
    Required(Cow<'static, str>),
    /// It has a label, and the interface has no use for one: the component does not load.
    Label,
    /// A dependency of the component answers it.
    Plugged,
    /// The component that it stands before answers it.
    Passed,
    /// It is how core modules speak, which have no interfaces: what stands behind it is granted all the same.
    Module,
    /// This version does not have it: calls are denied.
    Unavailable,
    /// No capability answers it: the component does not load.
    Unknown,
}

/// Why a component cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    /// Its bytes cannot be had.
    #[error("component `{0}` has no code")]
    Source(ComponentId, #[source] SourceError),
    /// They are no WebAssembly.
    #[error("component `{0}` cannot be used")]
    Shape(ComponentId, #[source] coracle_engine::ShapeError),
}

/// Looks at `component` of `project`. Downloads are kept in `cache`.
pub(crate) async fn survey(project: &Project, component: &Component, cache: Option<&Path>) -> Result<Found, SurveyError> {
    let sources = Sources::new(&project.app, &project.folder, cache);
    let bytes = sources.of(component).await.map_err(|error| SurveyError::Source(component.id.clone(), error))?;
    let shape = Shape::of(&bytes).map_err(|error| SurveyError::Shape(component.id.clone(), error))?;
    let fault = examine(&bytes).err();
    let is_middleware = project.app.triggers.iter().any(|trigger| is_before(trigger, &component.id));
    let is_passed =
        |import: &Import| is_middleware && import.label.is_none() && shape.exports().iter().any(|export| export.name == import.name);
    let standing = |import: &Import| if is_passed(import) { Standing::Passed } else { standing(component, import) };
    let imports = shape.imports().iter().map(|import| (import.clone(), standing(import))).collect();
    Ok(Found { bytes, shape, imports, fault })
}

impl Found {
    /// What the code is, in a few words.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.shape {
            Shape::Component { generation: Generation::P2, .. } => "component (WASI 0.2)",
            Shape::Component { generation: Generation::P3, .. } => "component (WASI 0.3)",
            Shape::Module { has_component_type: true, .. } => "core module with a component type",
            Shape::Module { .. } => "core module",
        }
    }

    /// The names that it exports.
    pub(crate) fn exports(&self) -> Vec<String> {
        match &self.shape {
            Shape::Component { exports, .. } => exports.iter().map(ToString::to_string).collect(),
            Shape::Module { exports, .. } => exports.clone(),
        }
    }

    /// Whether a trigger of `kind` finds something to call. What a core module becomes shows only when it is loaded.
    pub(crate) fn fits(&self, kind: &str) -> bool {
        let (Shape::Component { exports, .. }, Some(trigger)) = (&self.shape, coracle_triggers::find(kind)) else { return true };
        let wanted: Vec<_> = trigger.about().exports.iter().map(|text| Import::parse(text)).collect();
        exports.iter().any(|export| wanted.iter().any(|wanted| fits(export, wanted)))
    }
}

/// Whether `export` is what a trigger wants, whose version is a beginning of versions.
fn fits(export: &Import, wanted: &Import) -> bool {
    let begins = |wanted: &String| export.version.as_deref().is_some_and(|version| version.starts_with(wanted.as_str()));
    export.name == wanted.name && wanted.version.as_ref().is_none_or(begins)
}

/// How `import` of `component` stands with the manifest.
pub(crate) fn standing(component: &Component, import: &Import) -> Standing {
    if component.dependencies.iter().any(|dependency| names(&dependency.name.to_string(), import)) {
        return Standing::Plugged;
    }
    let Some(interface) = interface_of(import) else {
        return match import.name.as_str() {
            _ if is_unavailable(import) => Standing::Unavailable,
            // The names that core modules import from have no namespace; those that nobody knows are a fault of the module.
            name if !name.contains(':') => Standing::Module,
            _ => Standing::Unknown,
        };
    };
    if !may_have_its_label(import) {
        return Standing::Label;
    }
    let Some(key) = interface.granted_by else { return Standing::Free };
    let is_granted = is_granted(import, key, &component.grants) || (key == "files" && !component.files.is_empty());
    match line_of(key, import).filter(|_| !is_granted) {
        Some(line) if is_required(import) => Standing::Required(line),
        Some(line) => Standing::Denied { line, ambient: is_ambient(key) },
        None => Standing::Granted(key),
    }
}

/// Whether a dependency called `name` is plugged into `import`: by its label, or else by its whole name, its interface or its package.
fn names(name: &str, import: &Import) -> bool {
    if let Some(label) = &import.label {
        return label == name;
    }
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    import.name == name || import.name.split_once('/').is_some_and(|(package, _)| package == name)
}

/// Whether component `id` stands before the one that `trigger` calls.
fn is_before(trigger: &Trigger, id: &ComponentId) -> bool {
    trigger.middleware.iter().any(|middleware| matches!(&middleware.source, DependencySource::Component(it) if it == id))
}

/// The triggers that call `id`, or call through it, for people: `http /hello/...`.
pub(crate) fn callers(app: &App, id: &ComponentId) -> Vec<String> {
    let calls = |trigger: &&Trigger| {
        trigger.component.as_ref() == Some(id) || trigger.components.values().flatten().any(|it| it == id) || is_before(trigger, id)
    };
    let text = |trigger: &Trigger| match trigger.config.get("route") {
        Some(serde_json::Value::String(route)) => format!("{} {route}", trigger.kind),
        Some(_) => format!("{}, privately", trigger.kind),
        None => trigger.kind.clone(),
    };
    app.triggers.iter().filter(calls).map(text).collect()
}
