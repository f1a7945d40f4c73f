//! `coracle up`: serves an app until it is asked to stop. An app that is a program runs once instead.

use clap::{ArgMatches, Args, FromArgMatches};

use crate::building;
use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::project::{AppArguments, Project};
use crate::serving::{self, Front, GRACE, Listening, Ready, Renewal, ServeArguments, Serving, Signals, Stage, Wanted};
use crate::telemetry;

/// `coracle up`.
pub(crate) struct Up;

/// What `up` is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) app: AppArguments,

    /// Build the app first
    #[arg(long, env = "SPIN_ALWAYS_BUILD", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    build: bool,

    #[command(flatten)]
    pub(crate) serve: ServeArguments,
}

const HELP: &str = "\
Examples:
  coracle up                                   the nearest manifest, on 127.0.0.1:3000
  coracle up examples/hello                    the manifest in a folder
  coracle up hello.wasm                        one component without a manifest, on every path
  coracle up --listen 0.0.0.0:80 --quiet       reachable from outside, without the components' output
  coracle up --variable token=@secret.txt      a variable whose value is in a file
  coracle up --tls-cert cert.pem --tls-key key.pem --listen 0.0.0.0:443

Ctrl-C and SIGTERM stop accepting and let requests in progress finish, for 30 seconds; a second one ends at once. A runtime configuration
is applied again when its file changes, or one that it names, and on SIGHUP: requests in progress finish with what they began with, and
one that does not fit changes nothing.
";

impl Arguments {
    /// Serves what has just been built.
    pub(crate) fn built(app: AppArguments, serve: ServeArguments) -> Self {
        Self { app, build: false, serve }
    }
}

impl Command for Up {
    fn name(&self) -> &'static str {
        "up"
    }

    fn define(&self) -> clap::Command {
        serving::with_foreign_flags(define::<Arguments>("up", "Serve an app", HELP).visible_alias("u"))
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        for warning in serving::foreign_flags(matches) {
            context.output.warning(warning);
        }
        let arguments = Arguments::from_arg_matches(matches)?;
        let _telemetry = telemetry::start(context, arguments.serve.logs.log_format, arguments.serve.logs.quiet)?;
        serving::runtime()?.block_on(up(context, &arguments))
    }
}

/// Builds if that is wanted, and serves.
pub(crate) async fn up(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let project = Project::find(&arguments.app, &context.environment)?;
    let state = project.state_folder();
    if arguments.build {
        let steps = building::plan(&project.app, &project.folder, &[], context.output)?;
        tokio::select! {
            built = building::build(&steps, context.output) => built?,
            () = signals.next() => return Ok(Exit::Interrupted),
        }
        building::remember_profile(state.as_deref(), project.profile.as_deref());
    } else {
        warn_of_profile(context.output, &project, building::profile_built(state.as_deref()));
    }
    let chosen = &arguments.serve.grant.component_id;
    if serving::is_program(&project.app, chosen) {
        let stage = Stage::of(context, &arguments.serve, &project)?;
        let workload = tokio::select! {
            workload = stage.workload(&project) => workload?,
            () = signals.next() => return Ok(Exit::Interrupted),
        };
        stage.keep_folders();
        return serving::run_program(context.output, &workload, vec![project.app.name.clone()], &mut signals).await;
    }
    for trigger in serving::programs(&project.app, chosen) {
        let id = trigger.component.as_ref().map_or(trigger.id.as_str(), |id| id.as_str());
        context
            .output
            .warning(format_args!("the program `{id}` is not run while the app is served; run it alone with `--component-id {id}`"));
    }
    serve(context, arguments, &project, signals).await
}

async fn serve(context: &Context, arguments: &Arguments, project: &Project, mut signals: Signals) -> anyhow::Result<Exit> {
    let listening = Listening::open(&arguments.serve.listen)?;
    let mut renewal = Renewal::of(&arguments.serve.grant)?;
    let stage = Stage::of(context, &arguments.serve, project)?;
    let mut ready = tokio::select! {
        ready = stage.ready(project) => ready?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let serving = listening.serve(Front::new(ready.http.clone()))?;
    serving::print_summary(context.output, &ready, serving.base(), arguments.serve.listen.format);
    if let Some(folder) = stage.log_folder() {
        context.output.note(format_args!("Logging component stdio to {}", folder.display()));
    }
    loop {
        let wanted = tokio::select! {
            () = signals.next() => Wanted::End,
            wanted = wanted(renewal.as_mut()) => wanted,
        };
        match (wanted, &renewal) {
            (Wanted::Renewal, Some(renewal)) => renewal.apply(context.output, &stage, project, &mut ready.workload).await,
            _ => return drain(context.output, serving, &ready, &mut signals).await,
        }
    }
}

/// What the operator's configuration asks for; without one, nothing ever.
async fn wanted(renewal: Option<&mut Renewal>) -> Wanted {
    match renewal {
        Some(renewal) => renewal.wanted().await,
        None => std::future::pending().await,
    }
}

/// Lets requests in progress finish; a second signal cuts them.
pub(crate) async fn drain(output: Output, serving: Serving, ready: &Ready, signals: &mut Signals) -> anyhow::Result<Exit> {
    output.note(format_args!("stopping: requests in progress have {} s to finish; Ctrl-C again ends them", GRACE.as_secs()));
    tokio::select! {
        drained = serving.shutdown() => {
            if drained.requests_cut > 0 {
                output.warning(format_args!("{} requests were cut off", drained.requests_cut));
            } else {
                ready.workload.drain().await;
            }
            Ok(Exit::Ok)
        }
        () = signals.next() => Ok(Exit::Interrupted),
    }
}

fn warn_of_profile(output: Output, project: &Project, built: Option<String>) {
    if project.profile != built {
        let name = |profile: Option<&str>| profile.map_or_else(|| "no profile".to_owned(), |profile| format!("profile `{profile}`"));
        output.warning(format_args!(
            "the last build was with {}, and this serves {}; build again if that is not meant",
            name(built.as_deref()),
            name(project.profile.as_deref())
        ));
    }
}
