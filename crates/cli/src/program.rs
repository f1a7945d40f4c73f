//! From the command line to a command: the definition of the whole program, made from [`COMMANDS`], and the end of every error.

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::commands::{COMMANDS, Command};
use crate::context::Context;
use crate::environment::Environment;
use crate::exit::{self, Exit};
use crate::output::Output;
use crate::refusal;
use crate::serving::LogFormat;

const ABOUT: &str = "Runs WebAssembly apps: fast, small, and allowed nothing that they were not granted";

const EXAMPLES: &str = "\
Examples:
  coracle up                     serve the app whose manifest is here or above
  coracle up hello.wasm          serve one component on every path
  coracle run tool.wasm -- -h    run a command-line program
  coracle inspect                what the app's components want and may do

`coracle help COMMAND` says more about each.
";

/// Runs what the command line asks for, and prints the error that ended it.
pub(crate) fn run() -> Exit {
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(error) => {
            refusal::print(&Output::default(), &error);
            return Exit::Failed;
        }
    };
    let output = Output::new(&environment);
    // All commands take as long to define as a small app takes to start, and a command line that names one needs that one only.
    let asked = std::env::args_os().nth(1);
    let named = COMMANDS.iter().find(|command| asked.as_deref().is_some_and(|name| name == command.name()));
    let definition = named.map_or_else(define, |command| define_with(&[*command]));
    let matches = match definition.try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let Some((name, arguments)) = matches.subcommand() else { return Exit::Usage };
    let Some(command) = COMMANDS.iter().find(|command| command.name() == name) else { return Exit::Usage };
    let output = if has_json_logs(arguments) { output.with_json_lines() } else { output };
    let context = Context { environment, output };
    match command.run(&context, arguments) {
        Ok(exit) => exit,
        Err(error) => match error.downcast_ref::<clap::Error>() {
            Some(error) => usage(error),
            None => {
                refusal::print(&output, &error);
                Exit::Failed
            }
        },
    }
}

/// Whether the command writes logs, and was asked for those that programs read.
fn has_json_logs(arguments: &ArgMatches) -> bool {
    matches!(arguments.try_get_one::<LogFormat>("log_format"), Ok(Some(LogFormat::Json)))
}

/// The whole command line, from which parsing, help, completions and the reference page are made.
pub(crate) fn define() -> clap::Command {
    define_with(COMMANDS)
}

fn define_with(commands: &[&dyn Command]) -> clap::Command {
    clap::Command::new("coracle")
        .bin_name("coracle")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(format!("{EXAMPLES}\n{}", exit::help()))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(commands.iter().map(|command| command.define()))
}

/// Help and version are no errors, though clap treats them alike.
fn usage(error: &clap::Error) -> Exit {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
        _ => Exit::Usage,
    }
}
