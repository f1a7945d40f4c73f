//! `coracle schema`: the manifest's JSON Schema or reference page, made from the definitions that read it.

use clap::{ArgMatches, Args, FromArgMatches};

use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;

/// `coracle schema`.
pub(crate) struct Schema;

#[derive(Debug, Clone, Args)]
struct Arguments {
    /// Describe spin.toml, without Coracle's own keys
    #[arg(long)]
    spin: bool,

    /// Print the reference page instead of JSON Schema
    #[arg(long, conflicts_with = "spin")]
    markdown: bool,
}

const HELP: &str = "\
Examples:
  coracle schema > coracle.schema.json      for editors that complete and check TOML
  coracle schema --spin                     the same for spin.toml
  coracle schema --markdown                 every key with its meaning
";

impl Command for Schema {
    fn name(&self) -> &'static str {
        "schema"
    }

    fn define(&self) -> clap::Command {
        define::<Arguments>("schema", "Print the format of manifests", HELP)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let arguments = Arguments::from_arg_matches(matches)?;
        if arguments.markdown {
            context.output.text(coracle_app::reference());
        } else if arguments.spin {
            context.output.json(&coracle_app::spin_schema());
        } else {
            context.output.json(&coracle_app::schema());
        }
        Ok(Exit::Ok)
    }
}
