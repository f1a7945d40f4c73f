//! The commands, a file each, listed in [`COMMANDS`].

mod build;
mod capabilities;
mod check;
mod compile;
pub(crate) mod compile_child;
mod completions;
mod inspect;
mod reference;
mod run;
mod schema;
mod up;
mod watch;

use clap::{ArgMatches, Args};

use crate::context::Context;
use crate::exit::Exit;

/// Every command, in the order of the help text.
pub(crate) const COMMANDS: &[&dyn Command] = &[
    &up::Up,
    &run::Run,
    &build::Build,
    &watch::Watch,
    &check::Check,
    &inspect::Inspect,
    &schema::Schema,
    &capabilities::Capabilities,
    &compile::Compile,
    &completions::Completions,
    &reference::Reference,
    &compile_child::CompileChild,
];

/// One command of the program.
pub(crate) trait Command: Sync {
    /// The word that calls it.
    fn name(&self) -> &'static str;

    /// Its arguments and help.
    fn define(&self) -> clap::Command;

    /// Does it.
    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit>;
}

/// A command with the flags of `A`, one line about it, and examples.
fn define<A: Args>(name: &'static str, about: &'static str, help: &'static str) -> clap::Command {
    // The text comes after the flags: a group of flags brings its own, which is for readers of the code.
    A::augment_args(clap::Command::new(name)).about(about).long_about(None).after_help(help)
}
