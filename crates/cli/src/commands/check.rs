//! `coracle check`: everything that is wrong or doubtful about an app, at once, without starting it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches};
use coracle_app::{App, Component, Errors};
use coracle_base::chain;
use coracle_capabilities as capabilities;
use coracle_engine::{Bind, GrantRequest, RuntimeConfig, Site};

use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::project::{AppArguments, Project};
use crate::refusal;
use crate::serving;
use crate::survey::{self, Found, Standing};

/// `coracle check`.
pub(crate) struct Check;

#[derive(Debug, Clone, Args)]
struct Arguments {
    #[command(flatten)]
    app: AppArguments,

    /// Count warnings as errors
    #[arg(long)]
    strict: bool,

    /// Check against this operator's configuration too
    #[arg(long, value_name = "FILE", env = "RUNTIME_CONFIG_FILE", hide_env_values = true)]
    runtime_config_file: Option<PathBuf>,
}

const HELP: &str = "\
Examples:
  coracle check                 the app whose manifest is here or above
  coracle check --strict        for CI: warnings fail too

Checked are the manifest, that every component's code is there and is WebAssembly, that this host has what it imports, that triggers
find something to call, grants, and routes that hide each other.
";

impl Command for Check {
    fn name(&self) -> &'static str {
        "check"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("check", "Check an app without starting it", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        serving::runtime()?.block_on(check(context, &arguments))
    }
}

/// What was found so far, printed as it is found.
struct Findings {
    output: Output,
    errors: usize,
    warnings: usize,
}

impl Findings {
    fn error(&mut self, text: impl std::fmt::Display) {
        self.output.error(text);
        self.errors += 1;
    }

    fn warning(&mut self, text: impl std::fmt::Display) {
        self.output.warning(text);
        self.warnings += 1;
    }
}

async fn check(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut findings = Findings { output: context.output, errors: 0, warnings: 0 };
    let project = match Project::find(&arguments.app, &context.environment) {
        Ok(project) => project,
        Err(error) => {
            let count = error.downcast_ref::<Errors>().map_or(1, |errors| errors.problems.len());
            refusal::print(&context.output, &error);
            return Ok(end(context.output, arguments.strict, count, 0));
        }
    };
    for warning in &project.app.warnings {
        findings.warning(warning);
    }
    for component in &project.app.components {
        match survey::survey(&project, component).await {
            Ok(found) => check_component(&mut findings, &project.app, component, &found),
            Err(error) => findings.error(chain(&error)),
        }
        for file in &component.files {
            check_file(&mut findings, &project, component, file);
        }
    }
    check_triggers(&mut findings, &project.app);
    let config = arguments.runtime_config_file.as_deref().map(serving::read_config).transpose()?;
    check_grants(&mut findings, &project.app, config);
    if findings.errors == 0 && !(arguments.strict && findings.warnings > 0) {
        context.output.line(format_args!("{} is valid", project.file.display()));
    }
    Ok(end(context.output, arguments.strict, findings.errors, findings.warnings))
}

fn end(output: Output, strict: bool, errors: usize, warnings: usize) -> Exit {
    let failed = errors > 0 || strict && warnings > 0;
    if errors + warnings > 0 {
        output.note(format_args!("{errors} errors, {warnings} warnings"));
    }
    if failed { Exit::Failed } else { Exit::Ok }
}

fn check_component(findings: &mut Findings, app: &App, component: &Component, found: &Found) {
    let id = &component.id;
    for (import, standing) in &found.imports {
        match standing {
            Standing::Unknown => findings.error(format_args!(
                "component `{id}` imports `{import}`, which this host does not have; `coracle capabilities` lists what there is"
            )),
            Standing::Unavailable => findings
                .warning(format_args!("component `{id}` imports `{import}`, which this version does not have; each call of it is denied")),
            Standing::Denied { line, ambient: false } if component.strict_imports => {
                findings.error(format_args!("component `{id}` imports `{import}` without a grant, and is strict; add {line}"));
            }
            Standing::Denied { line, ambient: false } => {
                findings.warning(format_args!("component `{id}` imports `{import}` without a grant; to allow it add {line}"));
            }
            _ => {}
        }
    }
    let kinds = app.triggers.iter().filter(|trigger| trigger.component.as_ref() == Some(id)).map(|trigger| trigger.kind.as_str());
    for kind in kinds.collect::<BTreeSet<_>>() {
        if !found.fits(kind) {
            let exports = found.exports().join(", ");
            findings.error(format_args!("component `{id}` has nothing that a trigger `{kind}` could call; it exports {exports}"));
        }
    }
}

fn check_file(findings: &mut Findings, project: &Project, component: &Component, file: &coracle_app::FileMount) {
    let (coracle_app::FileMount::Glob(path) | coracle_app::FileMount::Mount { source: path, .. }) = file;
    let is_glob = path.contains(['*', '?', '[', '{']);
    if !is_glob && !project.folder.join(path).exists() {
        findings.error(format_args!("component `{}`: `{path}` of `files` does not exist; create it or correct the entry", component.id));
    }
}

fn check_triggers(findings: &mut Findings, app: &App) {
    if app.triggers.is_empty() {
        findings.error("No triggers in app");
    }
    for trigger in &app.triggers {
        if coracle_triggers::find(&trigger.kind).is_none() {
            let known: Vec<_> = coracle_triggers::ALL.iter().map(|known| format!("`{}`", known.kind())).collect();
            let (id, kind) = (&trigger.id, &trigger.kind);
            findings.error(format_args!(
                "trigger `{id}` is of the kind `{kind}`, which this host does not have; it has {}",
                known.join(" and ")
            ));
        }
    }
}

/// Whether every capability understands what it is asked to grant.
fn check_grants(findings: &mut Findings, app: &App, config: Option<RuntimeConfig>) {
    let has_config = config.is_some();
    let mut config = config.unwrap_or_default();
    let mut site = Site::default();
    site.app.clone_from(&app.name);
    serving::share_variables(&mut site, app);
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for component in &app.components {
        for (key, value) in &component.grants {
            let list = value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned));
            labels.entry(key.clone()).or_default().extend(list);
        }
    }
    // Without a configuration nobody can say which labels the operator will bind.
    if !has_config {
        labels.values_mut().for_each(BTreeSet::clear);
    }
    for key in ["state_dir", "log_dir", "max_instance_memory"] {
        config.take(key);
    }
    if let Err(error) = capabilities::bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }) {
        findings.error(chain(&error));
        return;
    }
    for key in config.unused() {
        findings.error(format_args!("the runtime configuration has an unknown key `{key}`; remove it or correct its name"));
    }
    if !has_config {
        return;
    }
    for component in &app.components {
        let request = GrantRequest { component: component.id.as_str(), grants: &component.grants, site: &site };
        if let Err(error) = capabilities::grants(&request) {
            findings.error(chain(&error));
        }
    }
}
