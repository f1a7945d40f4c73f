//! `coracle compile`: turns a component into an artifact, compiled code that another process maps and runs.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches};
use coracle_engine::Limits;
use coracle_host::read_component;

use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::refusal::refuse;
use crate::serving::{self, EngineArguments};
use crate::units;

/// `coracle compile`.
pub(crate) struct Compile;

#[derive(Debug, Clone, Args)]
struct Arguments {
    /// The component or module
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where the artifact goes [default: FILE with the ending `.artifact`]
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const HELP: &str = "\
Examples:
  coracle compile hello.wasm -o hello.artifact
  coracle up hello.artifact                     starts without compiling
  coracle run tool.artifact -- --verbose

An artifact is native code for this kind of machine and this version of coracle. It is as trusted as a program: load only
those that you made yourself.
";

impl Command for Compile {
    fn name(&self) -> &'static str {
        "compile"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("compile", "Compile a component ahead of time", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        if !arguments.file.is_file() {
            return refuse(format!("{} does not exist or is no file", arguments.file.display()), "name a component or a module");
        }
        let bytes = read_component(&arguments.file)?;
        let to = arguments.output.unwrap_or_else(|| arguments.file.with_extension("artifact"));
        if to.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            return refuse(format!("the folder of {} does not exist", to.display()), "create it, or name another file with `--output`");
        }
        let engine = EngineArguments { disable_pooling: true, disable_cache: true, ..EngineArguments::default() };
        let host = serving::host(context, &engine, Limits::default())?;
        let progress = context.output.progress(format_args!("compiling {}", arguments.file.display()));
        host.loader().precompile(&bytes, &to, &|_| {})?;
        drop(progress);
        let size = std::fs::metadata(&to)?.len();
        context.output.line(format_args!("{} ({})", to.display(), units::show_bytes(size)));
        Ok(Exit::Ok)
    }
}
