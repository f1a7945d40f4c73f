//! `coracle completions`: the script that lets a shell complete this program's commands and flags.

use clap::{ArgMatches, Args, FromArgMatches};
use clap_complete::Shell;

use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::program;

/// `coracle completions`.
pub(crate) struct Completions;

#[derive(Debug, Clone, Args)]
struct Arguments {
    /// The shell
    shell: Shell,
}

const HELP: &str = "\
Examples:
  coracle completions bash > ~/.local/share/bash-completion/completions/coracle
  coracle completions zsh > ~/.zfunc/_coracle
  coracle completions fish > ~/.config/fish/completions/coracle.fish
";

impl Command for Completions {
    fn name(&self) -> &'static str {
        "completions"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("completions", "Print completions for a shell", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        let mut script = Vec::new();
        clap_complete::generate(arguments.shell, &mut program::define(), "coracle", &mut script);
        context.output.text(String::from_utf8_lossy(&script));
        Ok(Exit::Ok)
    }
}
