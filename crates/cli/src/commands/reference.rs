//! `coracle __reference`: the pages of docs/ that are made by this program. That of the command line comes from the definitions that parse
//! it.

use std::fmt::Write;

use clap::ArgMatches;

use crate::capability_page;
use crate::commands::Command;
use crate::context::Context;
use crate::exit::{Exit, MEANINGS};
use crate::program;

/// The argument, and its values: the pages by their names in docs/.
const PAGE: &str = "page";
const CLI: &str = "cli";
const CAPABILITIES: &str = "capabilities";

/// `coracle __reference`.
pub(crate) struct Reference;

impl Command for Reference {
    fn name(&self) -> &'static str {
        "__reference"
    }

    fn define(&self) -> clap::Command {
        let pages = clap::Arg::new(PAGE).value_parser([CLI, CAPABILITIES]).default_value(CLI);
        clap::Command::new("__reference").hide(true).about("Print a page of docs/").arg(pages)
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        let is_capabilities = matches.get_one::<String>(PAGE).is_some_and(|page| page == CAPABILITIES);
        context.output.text(if is_capabilities { capability_page::page() } else { page() });
        Ok(Exit::Ok)
    }
}

fn page() -> String {
    let mut root = program::define();
    root.build();
    let mut page = String::from(
        "# The command line\n\n\
         This page is made by `coracle __reference` from the definitions that parse the command line, and a test compares them.\n\n\
         | command | what it does |\n|---|---|\n",
    );
    let commands = || root.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    for command in commands() {
        let _ = writeln!(page, "| [`coracle {0}`](#coracle-{0}) | {1} |", command.get_name(), about(command));
    }
    page.push_str("\n## Exit status\n\n| status | meaning |\n|---|---|\n");
    for (code, meaning) in MEANINGS {
        let _ = writeln!(page, "| {code} | {meaning} |");
    }
    page.push_str("\nErrors go to standard error, one line each that begins with `error:` and holds all causes; lines that begin with `help:` name\nthe way out. Colours are used on a terminal only, and not where `NO_COLOR` is set.\n");
    for command in commands() {
        section(&mut page, command);
    }
    page
}

fn section(page: &mut String, command: &clap::Command) {
    let mut command = command.clone();
    let usage = command.render_usage().to_string();
    let _ = writeln!(page, "\n## coracle {}\n\n{}.\n", command.get_name(), about(&command));
    let _ = writeln!(page, "```text\n{}\n```\n", usage.trim_start_matches("Usage: "));
    page.push_str("| argument | meaning |\n|---|---|\n");
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set() && argument.get_id() != "help") {
        let _ = writeln!(page, "| `{}` | {} |", cell(&shape(argument)), cell(&meaning(argument)));
    }
    if let Some(help) = command.get_after_help() {
        let _ = writeln!(page, "\n```text\n{}\n```", help.to_string().trim_end());
    }
}

fn about(command: &clap::Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// `-f, --from <APP>`
fn shape(argument: &clap::Arg) -> String {
    let values: Vec<_> = argument.get_value_names().unwrap_or_default().iter().map(|name| format!("<{name}>")).collect();
    let value = if argument.get_action().takes_values() { values.join(" ") } else { String::new() };
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    [names.join(", "), value].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn meaning(argument: &clap::Arg) -> String {
    let mut text = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if argument.get_action().takes_values() && !values.is_empty() {
        let _ = write!(text, "; {}", values.join(" or "));
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        let _ = write!(text, "; `{}` by default", defaults.join(" "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(text, "; also `{}`", variable.to_string_lossy());
    }
    text
}

/// Text that cannot end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
