//! `coracle check`: everything that is wrong or doubtful about an app, at once, without starting it.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches};
use coracle_app::Errors;

use crate::checking::{self, Findings};
use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::project::{AppArguments, Project};
use crate::refusal;
use crate::serving;

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

Checked are the manifest, that every component's code is there and is WebAssembly, that dependencies and middleware fit, that this host
has what is imported, that triggers find something to call, grants, and routes that hide each other.
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

async fn check(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = match Project::find(&arguments.app, &context.environment) {
        Ok(project) => project,
        Err(error) => {
            let count = error.downcast_ref::<Errors>().map_or(1, |errors| errors.problems.len());
            refusal::print(&context.output, &error);
            return Ok(end(context.output, arguments.strict, count, 0));
        }
    };
    let config = arguments.runtime_config_file.as_deref().map(serving::read_config).transpose()?;
    let mut findings = Findings::new(context.output);
    checking::check(&mut findings, &project, config, context.environment.cache_folder().as_deref()).await;
    let Findings { errors, warnings, .. } = findings;
    if errors == 0 && !(arguments.strict && warnings > 0) {
        context.output.line(format_args!("{} is valid", project.file.display()));
    }
    Ok(end(context.output, arguments.strict, errors, warnings))
}

fn end(output: Output, strict: bool, errors: usize, warnings: usize) -> Exit {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    if errors + warnings > 0 {
        output.note(format_args!("{}, {}", count(errors, "error"), count(warnings, "warning")));
    }
    if errors > 0 || strict && warnings > 0 { Exit::Failed } else { Exit::Ok }
}
