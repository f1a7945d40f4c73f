//! Everything that is wrong or doubtful about an app, found without starting it.

mod grants;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use coracle_app::{App, Component, DependencySource, Place, Source};
use coracle_base::chain;
use coracle_engine::{Import, RuntimeConfig, Shape};
use coracle_host::{Sources, file_faults};
use coracle_triggers::http;

use crate::output::Output;
use crate::project::Project;
use crate::survey::{self, Found, Standing};

/// What was found so far, printed as it is found.
#[derive(Debug)]
pub(crate) struct Findings {
    output: Output,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
}

impl Findings {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, errors: 0, warnings: 0 }
    }

    /// Something that must change.
    fn error(&mut self, place: Option<&Place>, text: impl Display) {
        self.output.error(located(place, text));
        self.errors += 1;
    }

    /// Something that is allowed and probably not meant.
    fn warning(&mut self, place: Option<&Place>, text: impl Display) {
        self.output.warning(located(place, text));
        self.warnings += 1;
    }
}

fn located(place: Option<&Place>, text: impl Display) -> String {
    place.map_or_else(|| text.to_string(), |place| format!("{place}: {text}"))
}

/// Looks at all of `project`, whose manifest was read without error. Downloads are kept in `cache`.
pub(crate) async fn check(findings: &mut Findings, project: &Project, config: Option<RuntimeConfig>, cache: Option<&Path>) {
    let app = &project.app;
    for warning in &app.warnings {
        findings.warning(None, warning);
    }
    for component in &app.components {
        match survey::survey(project, component, cache).await {
            Ok(Found { fault: Some(fault), .. }) => {
                let text = format!("component `{}` cannot be loaded: {}", component.id, chain(&fault));
                findings.error(component.places.of("source"), text);
            }
            Ok(found) => {
                check_component(findings, app, component, &found);
                check_parts(findings, Sources::new(app, &project.folder, cache), component).await;
            }
            Err(error) => findings.error(component.places.of("source"), chain(&error)),
        }
        for fault in file_faults(component, &project.folder) {
            findings.error(component.places.of("files"), chain(&fault));
        }
    }
    check_triggers(findings, app);
    grants::check(findings, app, config);
}

fn check_component(findings: &mut Findings, app: &App, component: &Component, found: &Found) {
    let is_used = is_used(app, component);
    for (import, standing) in &found.imports {
        check_import(findings, component, is_used, import, standing);
    }
    let kinds = app.triggers.iter().filter(|trigger| trigger.component.as_ref() == Some(&component.id)).map(|trigger| &trigger.kind);
    for kind in kinds.collect::<BTreeSet<_>>() {
        if !found.fits(kind) {
            let (id, exports) = (&component.id, found.exports());
            let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            let text = format!("component `{id}` has nothing that a trigger `{kind}` could call; it exports {exports}");
            findings.error(component.places.of("source"), text);
        }
    }
}

fn check_import(findings: &mut Findings, component: &Component, is_used: bool, import: &Import, standing: &Standing) {
    let (id, place) = (&component.id, component.places.of("source"));
    match standing {
        Standing::Unknown if is_used => findings.error(
            place,
            format_args!("component `{id}` imports `{import}`, which this host does not have; `coracle capabilities` lists what there is"),
        ),
        Standing::Unknown => findings.warning(
            place,
            format_args!("component `{id}` imports `{import}`, which this host does not have; it would not load, but nothing uses it"),
        ),
        Standing::Label => findings.error(
            place,
            format_args!("component `{id}` imports `{import}` under a label, which that interface cannot have here; import it without one"),
        ),
        Standing::Required(line) => {
            findings.error(
                place,
                format_args!("component `{id}` imports `{import}` without a grant, and does not load without it; add {line}"),
            );
        }
        Standing::Unavailable => findings.warning(
            place,
            format_args!("component `{id}` imports `{import}`, which this version does not have; each call of it is denied"),
        ),
        Standing::Denied { line, ambient: false } if component.strict_imports => {
            let place = component.places.of("strict_imports");
            findings.error(place, format_args!("component `{id}` imports `{import}` without a grant, and is strict; add {line}"));
        }
        Standing::Denied { line, ambient: false } => {
            findings.warning(place, format_args!("component `{id}` imports `{import}` without a grant; to allow it add {line}"));
        }
        _ => {}
    }
}

/// Whether a trigger calls the component, or another one is made of it. What nobody uses is not loaded.
fn is_used(app: &App, component: &Component) -> bool {
    let is_it = |source: &DependencySource| matches!(source, DependencySource::Component(id) if *id == component.id);
    let of_trigger = app.triggers.iter().any(|trigger| {
        let roles = trigger.components.values().flatten();
        trigger.component.iter().chain(roles).any(|id| *id == component.id) || trigger.middleware.iter().any(|step| is_it(&step.source))
    });
    let of_component = app.components.iter().any(|other| {
        other.source == Source::Component(component.id.clone()) || other.dependencies.iter().any(|dependency| is_it(&dependency.source))
    });
    of_trigger || of_component
}

/// Whether the dependencies of `component` and the middleware before it are there and fit, and import nothing unknown.
async fn check_parts(findings: &mut Findings, sources: Sources<'_>, component: &Component) {
    let app = sources.app();
    let places = &component.places;
    let bytes = match sources.composed(component).await {
        Ok(bytes) => bytes,
        Err(error) => return findings.error(places.of(error.key()), chain(&error)),
    };
    if !component.dependencies.is_empty() {
        check_parts_imports(findings, component, places.of("dependencies"), &bytes);
    }
    let callers = app.triggers.iter().filter(|trigger| trigger.component.as_ref() == Some(&component.id) && !trigger.middleware.is_empty());
    for trigger in callers {
        let place = trigger.places.of("dependencies");
        match sources.behind(component, bytes.clone(), &trigger.middleware).await {
            Ok(bytes) => check_parts_imports(findings, component, place, &bytes),
            Err(error) => findings.error(place, chain(&error)),
        }
    }
}

/// Whether a composed component imports something unknown. What its own code imports was looked at before.
fn check_parts_imports(findings: &mut Findings, component: &Component, place: Option<&Place>, bytes: &[u8]) {
    let shape = match Shape::of(bytes) {
        Ok(shape) => shape,
        Err(error) => return findings.error(place, chain(&error)),
    };
    for import in shape.imports().iter().filter(|import| !import.is_denied()) {
        if survey::standing(component, import) == Standing::Unknown {
            let id = &component.id;
            findings.error(place, format_args!("a part of component `{id}` imports `{import}`, which this host does not have"));
        }
    }
}

fn check_triggers(findings: &mut Findings, app: &App) {
    if app.triggers.is_empty() {
        findings.error(None, "No triggers in app");
    }
    for trigger in &app.triggers {
        let (id, kind) = (&trigger.id, &trigger.kind);
        if coracle_triggers::find(kind).is_none() {
            let known: Vec<_> = coracle_triggers::ALL.iter().map(|known| format!("`{}`", known.kind())).collect();
            let known = known.join(" and ");
            findings.error(
                trigger.places.of(""),
                format_args!("trigger `{id}` is of the kind `{kind}`, which this host does not have; it has {known}"),
            );
        } else if kind == "http"
            && let Err(error) = http::settings(trigger)
        {
            findings.error(None, chain(&error));
        }
    }
}
