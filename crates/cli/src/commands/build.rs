//! `coracle build`: runs the build commands of an app's components.

use clap::{ArgMatches, Args, FromArgMatches};

use super::up;
use crate::building;
use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::project::{AppArguments, Project};
use crate::serving::{self, ServeArguments, Signals};
use crate::telemetry;

/// `coracle build`.
pub(crate) struct Build;

#[derive(Debug, Clone, Args)]
struct Arguments {
    #[command(flatten)]
    app: AppArguments,

    /// Serve the app when it is built; the flags of `up` are accepted too
    #[arg(short = 'u', long)]
    up: bool,

    #[command(flatten)]
    serve: ServeArguments,
}

const HELP: &str = "\
Examples:
  coracle build                        every component that has a build command
  coracle build -c front -c api        these two
  coracle build --profile debug        with the commands of a profile
  coracle build --up --listen 127.0.0.1:8080

Components that others are made of are built first. The first command that fails ends the build.
";

impl Command for Build {
    fn name(&self) -> &'static str {
        "build"
    }

    fn define(&self) -> clap::Command {
        serving::with_foreign_flags(define::<Arguments>("build", "Build an app's components", HELP).visible_alias("b"))
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        for warning in serving::foreign_flags(matches) {
            context.output.warning(warning);
        }
        let arguments = Arguments::from_arg_matches(matches)?;
        let _telemetry = telemetry::start(context, arguments.serve.logs.log_format, arguments.serve.logs.quiet)?;
        serving::runtime()?.block_on(build(context, arguments))
    }
}

async fn build(context: &Context, arguments: Arguments) -> anyhow::Result<Exit> {
    let project = Project::find(&arguments.app, &context.environment)?;
    let steps = building::plan(&project.app, &project.folder, &arguments.serve.grant.component_id, context.output)?;
    let mut signals = Signals::listen()?;
    tokio::select! {
        built = building::build(&steps, context.output) => built?,
        () = signals.next() => return Ok(Exit::Interrupted),
    }
    if steps.is_empty() {
        context.output.note("there is nothing to build");
    }
    building::remember_profile(project.state_folder().as_deref(), project.profile.as_deref());
    if !arguments.up {
        return Ok(Exit::Ok);
    }
    drop(signals);
    up::up(context, &up::Arguments::built(arguments.app, arguments.serve)).await
}
