//! `coracle run`: runs a program once. Nothing is granted that the command line does not name.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};
use coracle_app::{App, BareWorld};
use coracle_capabilities::wasi::OpenNetwork;
use coracle_engine::{Limits, Site};
use coracle_host::{Host, Options, Placement, Workload};
use serde_json::{Value, json};

use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::project;
use crate::refusal::{Refusal, refuse};
use crate::serving::{self, EngineArguments, LogFormat, Signals};
use crate::telemetry;
use crate::units;

/// `coracle run`.
pub(crate) struct Run;

#[derive(Debug, Clone, Args)]
struct Arguments {
    /// The program: a component or module that exports `wasi:cli/run` or `_start`
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What the program gets as its arguments, after `--`
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,

    /// What the program is told that it is called [default: the name of the file]
    #[arg(long, value_name = "NAME")]
    argv0: Option<String>,

    /// Set an environment variable; `NAME` alone passes on that of this process (repeat)
    #[arg(short = 'e', long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,

    /// Let the program read and write a folder, at the same or another path (repeat)
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<String>,

    /// Let the program read a folder (repeat)
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir_ro: Vec<String>,

    /// Let the program connect there, such as `https://example.com` or `tcp://10.0.0.1:5432` (repeat)
    #[arg(long, value_name = "HOST")]
    allow: Vec<String>,

    /// Let the program use the network as this process may: connect anywhere, listen, and resolve names
    #[arg(long)]
    network: bool,

    /// End the program after this time [default: never]
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    timeout: Option<Duration>,

    #[command(flatten)]
    engine: EngineArguments,
}

const HELP: &str = "\
Examples:
  coracle run tool.wasm -- --verbose input.txt      arguments come after `--`
  coracle run tool.wasm --dir .                     let it read and write the current folder
  coracle run tool.wasm --dir-ro /etc::/config      show it a folder at another path
  coracle run tool.wasm --env HOME=/ --env TERM     set one variable, pass on another
  coracle run tool.wasm --allow https://example.com
  coracle run server.wasm --network                 let it listen, and connect anywhere
  cat input | coracle run tool.wasm > output        streams are passed through

The program gets standard input, output and error, and nothing else that is not named. Its exit status becomes that of
`coracle run`; 134 means that it trapped or met a limit, and 1 may also mean that it could not be started.
";

impl Command for Run {
    fn name(&self) -> &'static str {
        "run"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("run", "Run a command-line program once", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        let _telemetry = telemetry::start(context, LogFormat::Text, true)?;
        serving::runtime()?.block_on(run(context, arguments))
    }
}

async fn run(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let file = &arguments.file;
    if !file.is_file() {
        return refuse(
            format!("{} does not exist or is no file", file.display()),
            "name a WebAssembly file; `coracle up` serves a manifest",
        );
    }
    // What cannot be a program at all is told before anything is started.
    project::shape(file)?;
    let app = app(context, &arguments)?;
    let engine = EngineArguments { disable_pooling: true, ..arguments.engine.clone() };
    let host = Host::new(Options { listening: arguments.network, ..serving::options(context, &engine, limits(&arguments))? })?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let progress = Arc::new(context.output.progress(format_args!("preparing {}", file.display())));
    let mut site = Site::default();
    if arguments.network {
        site.share(Arc::new(OpenNetwork));
    }
    let placement = Placement { folder, site, watcher: serving::watcher(Arc::clone(&progress)), ..Placement::default() };
    let workload = tokio::select! {
        workload = Workload::start(&host, app, placement) => workload?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    drop(progress);
    let name = arguments.argv0.unwrap_or_else(|| file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let line = std::iter::once(name).chain(arguments.arguments).collect();
    serving::run_program(context.output, &workload, line, &mut signals).await
}

/// The app that the command line describes: one program with exactly these grants.
fn app(context: &Context, arguments: &Arguments) -> anyhow::Result<App> {
    let name = arguments.file.file_name().unwrap_or_default().to_string_lossy();
    let mut app = coracle_app::bare(&name, BareWorld::Command);
    let Some(component) = app.components.first_mut() else { return Ok(app) };
    if arguments.network {
        component.grants.insert("outbound-hosts".to_owned(), json!(["*://*:*"]));
    } else if !arguments.allow.is_empty() {
        component.grants.insert("outbound-hosts".to_owned(), json!(arguments.allow));
    }
    let variables = environment(context, &arguments.env)?;
    if !variables.is_empty() {
        component.grants.insert("environment".to_owned(), Value::Object(variables));
    }
    let mut folders = Vec::new();
    for (list, writable) in [(&arguments.dir, true), (&arguments.dir_ro, false)] {
        for text in list {
            folders.push(folder(text, writable)?);
        }
    }
    if !folders.is_empty() {
        component.grants.insert("files".to_owned(), Value::Array(folders));
    }
    Ok(app)
}

fn environment(context: &Context, list: &[String]) -> anyhow::Result<serde_json::Map<String, Value>> {
    let mut variables = serde_json::Map::new();
    for text in list {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match context.environment.variables().get(text) {
                Some(value) => (text.as_str(), value.clone()),
                None => return refuse(format!("`--env {text}` names a variable that is not set"), "write `--env NAME=VALUE`, or set it"),
            },
        };
        variables.insert(name.to_owned(), value.into());
    }
    Ok(variables)
}

/// `HOST::GUEST` or `HOST`, as the grant `files` has it.
fn folder(text: &str, writable: bool) -> anyhow::Result<Value> {
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    let unusable = |error: std::io::Error| {
        Refusal::new(format!("the folder {host} of `--dir` cannot be used"), "name a folder that exists, as `HOST::GUEST`").because(error)
    };
    let source = std::path::Path::new(host).canonicalize().map_err(unusable)?;
    if !source.is_dir() {
        return refuse(format!("{host} of `--dir` is no folder"), "name the folder that the file is in");
    }
    Ok(json!({ "source": source, "destination": guest, "writable": writable }))
}

/// A program that somebody started by hand may take what it needs; what it may reach is another matter.
fn limits(arguments: &Arguments) -> Limits {
    const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);
    let memory_bytes = arguments.engine.instance_bytes_max.unwrap_or(4 << 30);
    Limits {
        memory_bytes: usize::try_from(memory_bytes).unwrap_or(usize::MAX),
        table_elements: 1 << 20,
        cpu: NEVER,
        wall: arguments.timeout.unwrap_or(NEVER),
        hostcall_bytes: 1 << 30,
        handles: 1 << 20,
        resources: 1 << 20,
        random_bytes: 1 << 30,
        outbound_calls: u32::MAX,
        outbound_concurrency: 1 << 10,
        concurrency: 1,
        ..Limits::default()
    }
}
