//! `coracle inspect`: what an app's components import, export, weigh, and are allowed to do.

use clap::{ArgMatches, Args, FromArgMatches};
use coracle_app::{Component, Dependency, FileMount, Inherit, InstancePolicy, Source};
use coracle_base::chain;
use coracle_engine::Limits;
use coracle_host::Host;
use serde_json::{Value, json};

use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Output, Style, Table};
use crate::project::{AppArguments, Project};
use crate::serving::{self, EngineArguments, LogFormat};
use crate::survey::{self, Found, Standing};
use crate::telemetry;
use crate::units::show_bytes;

/// `coracle inspect`.
pub(crate) struct Inspect;

#[derive(Debug, Clone, Args)]
struct Arguments {
    #[command(flatten)]
    app: AppArguments,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Do not compile to find out the size of the machine code
    #[arg(long)]
    no_compile: bool,
}

const HELP: &str = "\
Examples:
  coracle inspect                    the app whose manifest is here or above
  coracle inspect hello.wasm         one component
  coracle inspect --json | jq '.components[].imports[] | select(.standing == \"denied\")'
";

impl Command for Inspect {
    fn name(&self) -> &'static str {
        "inspect"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("inspect", "Show what an app's components want and may do", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        let _telemetry = telemetry::start(context, LogFormat::Text, true)?;
        serving::runtime()?.block_on(inspect(context, &arguments))
    }
}

/// What there is to say about one component.
struct Report<'a> {
    component: &'a Component,
    found: Found,
    compiled: Option<u64>,
    callers: Vec<String>,
}

async fn inspect(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find(&arguments.app, &context.environment)?;
    let host = if arguments.no_compile {
        None
    } else {
        let engine = EngineArguments { disable_pooling: true, ..EngineArguments::default() };
        Some(serving::host(context, &engine, Limits::default())?)
    };
    let mut reports = Vec::new();
    let mut exit = Exit::Ok;
    let cache = context.environment.cache_folder();
    for component in &project.app.components {
        match survey::survey(&project, component, cache.as_deref()).await {
            Ok(found) => {
                if let Some(fault) = &found.fault {
                    context.output.warning(format_args!("component `{}` does not load: {}", component.id, chain(fault)));
                }
                let compiled = host.as_ref().and_then(|host| compiled_bytes(context, host, component, &found));
                reports.push(Report { component, found, compiled, callers: survey::callers(&project.app, &component.id) });
            }
            Err(error) => {
                context.output.error(chain(&error));
                exit = Exit::Failed;
            }
        }
    }
    if arguments.json {
        context.output.json(&as_json(&project, &reports));
    } else {
        print(context.output, &project, &reports);
    }
    Ok(exit)
}

/// The size of the machine code, or `None` with a warning where it does not compile.
fn compiled_bytes(context: &Context, host: &Host, component: &Component, found: &Found) -> Option<u64> {
    if found.fault.is_some() {
        return None;
    }
    let _progress = context.output.progress(format_args!("compiling {}", component.id));
    match host.loader().load(&found.bytes, &|_| {}) {
        Ok(loaded) => {
            let image = loaded.image_range();
            Some((image.end as usize).saturating_sub(image.start as usize) as u64)
        }
        Err(error) => {
            context.output.warning(format_args!("component `{}` does not load: {}", component.id, chain(&error)));
            None
        }
    }
}

fn print(output: Output, project: &Project, reports: &[Report<'_>]) {
    let version = if project.app.version.is_empty() { String::new() } else { format!(" {}", project.app.version) };
    output.line(format_args!("{}{version} ({})", output.style(&project.app.name, Style::Bold), project.file.display()));
    for report in reports {
        output.line("");
        print_one(output, report);
    }
}

fn print_one(output: Output, report: &Report<'_>) {
    let Report { component, found, compiled, callers } = report;
    let compiled = compiled.map_or_else(String::new, |bytes| format!(", {} compiled", show_bytes(bytes)));
    output.line(format_args!("component {}", output.style(&component.id, Style::Cyan)));
    output.line(format_args!(
        "  code       {}: {}, {}{compiled}",
        source(&component.source),
        found.kind(),
        show_bytes(found.bytes.len() as u64)
    ));
    output.line(format_args!("  called by  {}", if callers.is_empty() { "nothing".to_owned() } else { callers.join(", ") }));
    let exports = found.exports();
    output.line(format_args!("  exports    {}", if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }));
    for (key, value) in &component.grants {
        output.line(format_args!("  grants     {key} = {value}"));
    }
    for file in &component.files {
        output.line(format_args!("  files      {}", mount(file)));
    }
    for dependency in &component.dependencies {
        output.line(format_args!("  depends on {} ({})", dependency.name, inherited(component, dependency)));
    }
    let limits = limits(component);
    if !limits.is_empty() {
        output.line(format_args!("  limits     {}", limits.join(", ")));
    }
    let mut table = Table::new(&["  imports", "allowed"]);
    for (import, standing) in &found.imports {
        let text = match standing {
            Standing::Free => "always".to_owned(),
            Standing::Granted(key) => format!("granted by `{key}`"),
            Standing::Denied { line, .. } => format!("denied; to allow it add {line}"),
            Standing::Required(line) => format!("not granted: the component does not load; to allow it add {line}"),
            Standing::Label => "not under a label: the component does not load".to_owned(),
            Standing::Plugged => "answered by a dependency".to_owned(),
            Standing::Passed => "answered by what comes after it".to_owned(),
            Standing::Module => "always; it shows no files and no environment but those that are granted".to_owned(),
            Standing::Unavailable => "denied; this version does not have it".to_owned(),
            Standing::Unknown => "unknown: the component does not load".to_owned(),
        };
        table.row([format!("  {import}"), text]);
    }
    if !table.is_empty() {
        output.line("");
        output.table(&table);
    }
}

fn mount(file: &FileMount) -> String {
    match file {
        FileMount::Glob(pattern) => pattern.clone(),
        FileMount::Mount { source, destination, writable } => {
            format!("{source} → {destination}{}", if *writable { " (writable)" } else { "" })
        }
    }
}

fn inherited(component: &Component, dependency: &Dependency) -> String {
    match &dependency.inherit {
        Inherit::None if !component.inherit_all => "inherits nothing".to_owned(),
        Inherit::Some(keys) if !component.inherit_all => {
            format!("inherits {}", keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(", "))
        }
        _ => "inherits everything".to_owned(),
    }
}

/// The limits that the manifest sets, and an instance policy other than the usual.
fn limits(component: &Component) -> Vec<String> {
    let limits = &component.limits;
    let bytes = [
        ("memory", limits.memory_bytes),
        ("request_body", limits.request_body_bytes),
        ("response_header", limits.response_header_bytes),
        ("random", limits.random_bytes),
        ("hostcall", limits.hostcall_bytes),
        ("log", limits.log_bytes),
    ];
    let times = [("cpu", limits.cpu_ms), ("wall", limits.wall_ms), ("queue_wait", limits.queue_wait_ms)];
    let counts = [
        ("concurrency", limits.concurrency),
        ("queue", limits.queue),
        ("table_elements", limits.table_elements),
        ("instances", limits.instances),
        ("handles", limits.handles),
        ("outbound_calls", limits.outbound_calls),
        ("outbound_concurrency", limits.outbound_concurrency),
    ];
    let bytes = bytes.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", show_bytes(value?))));
    let times = times.into_iter().filter_map(|(name, value)| Some(format!("{name} {} ms", value?)));
    let counts = counts.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    let reuse = match component.instances {
        InstancePolicy::Fresh => None,
        InstancePolicy::Reuse { requests_max, .. } => Some(format!("instances reused for {requests_max} requests")),
    };
    bytes.chain(times).chain(counts).chain(reuse).collect()
}

fn source(source: &Source) -> String {
    match source {
        Source::Path(path) => path.clone(),
        Source::Url { url, .. } => url.clone(),
        Source::Registry { package, version, .. } => format!("{package}@{version}"),
        Source::Component(id) => format!("component {id}"),
    }
}

fn as_json(project: &Project, reports: &[Report<'_>]) -> Value {
    let import = |(import, standing): &(coracle_engine::Import, Standing)| {
        let (word, key, line) = match standing {
            Standing::Free => ("free", None, None),
            Standing::Granted(key) => ("granted", Some(*key), None),
            Standing::Denied { line, .. } => ("denied", None, Some(line)),
            Standing::Required(line) => ("required", None, Some(line)),
            Standing::Label => ("label", None, None),
            Standing::Plugged => ("dependency", None, None),
            Standing::Passed => ("passed", None, None),
            Standing::Module => ("module", None, None),
            Standing::Unavailable => ("unavailable", None, None),
            Standing::Unknown => ("unknown", None, None),
        };
        json!({ "interface": import.to_string(), "standing": word, "granted_by": key, "to_allow": line })
    };
    let component = |report: &Report<'_>| {
        let depends = |it: &Dependency| json!({ "name": it.name.to_string(), "inherits": inherited(report.component, it) });
        json!({
            "id": report.component.id.as_str(),
            "source": source(&report.component.source),
            "kind": report.found.kind(),
            "bytes": report.found.bytes.len(),
            "compiled_bytes": report.compiled,
            "called_by": report.callers,
            "exports": report.found.exports(),
            "imports": report.found.imports.iter().map(import).collect::<Vec<_>>(),
            "grants": report.component.grants,
            "files": report.component.files.iter().map(mount).collect::<Vec<_>>(),
            "dependencies": report.component.dependencies.iter().map(depends).collect::<Vec<_>>(),
            "limits": limits(report.component),
        })
    };
    json!({
        "name": project.app.name,
        "version": project.app.version,
        "file": project.file.display().to_string(),
        "components": reports.iter().map(component).collect::<Vec<_>>(),
    })
}
