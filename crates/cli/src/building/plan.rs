//! Which components are built, in which order, where and how.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use coracle_app::{App, Component, ComponentId, DependencySource, Source};

use crate::output::Output;
use crate::refusal::refuse;

/// The build of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The component.
    pub(crate) component: ComponentId,
    /// Its commands, in order.
    pub(crate) commands: Vec<String>,
    /// Where they run.
    pub(crate) folder: PathBuf,
}

/// The steps that build `app`, or of it only the components named in `only`. Components without commands are left out.
pub(crate) fn plan(app: &App, folder: &Path, only: &[String], output: Output) -> anyhow::Result<Vec<Step>> {
    if let Some(unknown) = only.iter().find(|name| !app.components.iter().any(|component| component.id.as_str() == **name)) {
        let known: Vec<_> = app.components.iter().map(|component| format!("`{}`", component.id)).collect();
        return refuse(format!("component `{unknown}` is not in this app"), format!("it has {}", known.join(", ")));
    }
    let mut steps = Vec::new();
    for component in in_order(app) {
        if !only.is_empty() && !only.iter().any(|name| name == component.id.as_str()) {
            continue;
        }
        match component.build.as_ref().filter(|build| !build.commands.is_empty()) {
            Some(build) => {
                let workdir = build.workdir.as_deref().map_or_else(|| folder.to_owned(), |workdir| folder.join(workdir));
                if !workdir.is_dir() {
                    return refuse(
                        format!("component `{}` is built in {}, which is no folder", component.id, workdir.display()),
                        "create it, or correct `workdir` in the manifest",
                    );
                }
                steps.push(Step { component: component.id.clone(), commands: build.commands.clone(), folder: workdir });
            }
            None => output.note(format_args!("component `{}` has no build command", component.id)),
        }
    }
    Ok(steps)
}

/// The components of `app`, each after those that it is made of. Where components need each other the manifest's order stays.
fn in_order(app: &App) -> Vec<&Component> {
    let mut order = Order { app, seen: BTreeSet::new(), components: Vec::new() };
    for component in &app.components {
        order.visit(component);
    }
    order.components
}

struct Order<'a> {
    app: &'a App,
    seen: BTreeSet<&'a ComponentId>,
    components: Vec<&'a Component>,
}

impl<'a> Order<'a> {
    fn visit(&mut self, component: &'a Component) {
        if !self.seen.insert(&component.id) {
            return;
        }
        let app = self.app;
        for needed in needs(app, component).filter_map(|id| app.component(id)) {
            self.visit(needed);
        }
        self.components.push(component);
    }
}

/// The components whose code becomes a part of this one: its own source, what is plugged into it, and what stands before it.
fn needs<'a>(app: &'a App, component: &'a Component) -> impl Iterator<Item = &'a ComponentId> {
    let source = match &component.source {
        Source::Component(id) => Some(id),
        _ => None,
    };
    let plugged = component.dependencies.iter().map(|dependency| &dependency.source);
    let calling = app.triggers.iter().filter(|trigger| trigger.component.as_ref() == Some(&component.id));
    let before = calling.flat_map(|trigger| &trigger.middleware).map(|middleware| &middleware.source);
    let parts = plugged.chain(before).filter_map(|source| match source {
        DependencySource::Component(id) => Some(id),
        _ => None,
    });
    source.into_iter().chain(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "parts"
[[trigger.http]]
route = "/..."
component = "front"
dependencies.middleware = [{ component = "gate" }]
[component.front]
source = "front.wasm"
build.command = "one"
[component.front.dependencies]
"test:part/api@1.0.0" = { component = "part" }
[component.part]
source = "part.wasm"
build.command = ["two", "three"]
[component.gate]
source = "gate.wasm"
build.command = "four"
[component.ready]
source = "ready.wasm"
"#;

    fn steps(only: &[&str]) -> anyhow::Result<Vec<String>> {
        let app = coracle_app::load(MANIFEST, "spin.toml", None, None)?;
        let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
        let steps = plan(&app, Path::new("."), &only, Output::default())?;
        Ok(steps.into_iter().map(|step| format!("{}: {}", step.component, step.commands.join(", "))).collect())
    }

    #[test]
    fn dependencies_come_first_and_what_has_no_command_is_left_out() {
        assert_eq!(steps(&[]).unwrap(), ["part: two, three", "gate: four", "front: one"]);
    }

    #[test]
    fn some_components_can_be_chosen() {
        assert_eq!(steps(&["front"]).unwrap(), ["front: one"]);
        let error = steps(&["frnt"]).unwrap_err();
        assert_eq!(error.to_string(), "component `frnt` is not in this app");
    }
}
