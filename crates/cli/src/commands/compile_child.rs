//! `coracle __compile`: the bounded process in which components are compiled. The loader starts it; it is not for people.

use clap::ArgMatches;

use crate::commands::Command;
use crate::context::Context;
use crate::exit::Exit;

/// The word that makes this program a compiler.
pub(crate) const NAME: &str = "__compile";

/// `coracle __compile`.
pub(crate) struct CompileChild;

impl Command for CompileChild {
    fn name(&self) -> &'static str {
        NAME
    }

    fn define(&self) -> clap::Command {
        clap::Command::new(NAME).hide(true).about("Compile what comes in on standard input")
    }

    fn run(&self, _context: &Context, _matches: &ArgMatches) -> anyhow::Result<Exit> {
        Ok(Exit::Process(coracle_engine::child_main(std::io::stdin().lock(), std::io::stdout().lock())))
    }
}
