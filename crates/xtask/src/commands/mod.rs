//! Every command of the task runner: a file each, and a line in `COMMANDS`.

mod setup;

mod guests;
mod test;
mod tidy;

mod bench;
mod check;
mod dist;
mod instructions;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::shell;
use crate::source;

/// One command: its name, the arguments it understands, what it does, and the function that does it.
pub(crate) struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(root: &Path, args: &[String]) -> Result<ExitCode>,
}

/// In the order in which a newcomer needs them; `cargo xtask help` prints this list.
pub(crate) const COMMANDS: &[Command] =
    &[setup::COMMAND, test::COMMAND, check::COMMAND, tidy::COMMAND, guests::COMMAND, bench::COMMAND, instructions::COMMAND, dist::COMMAND];

/// Runs the command that `args` names; no arguments, `help` and `--help` print the list.
pub(crate) fn dispatch(args: &[String]) -> Result<ExitCode> {
    let Some((name, rest)) = args.split_first() else {
        shell::say(&help());
        return Ok(ExitCode::SUCCESS);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        shell::say(&help());
        return Ok(ExitCode::SUCCESS);
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("there is no command `{name}`; `cargo xtask help` lists those that exist");
    };
    (command.run)(&source::root()?, rest)
}

fn help() -> String {
    let mut text = String::from("Usage: cargo xtask <command> [arguments]\n");
    for command in COMMANDS {
        let left = format!("{} {}", command.name, command.usage);
        text.push_str(&format!("\n  {left:<24} {}", command.about));
    }
    text
}

/// Refuses arguments that a command would otherwise silently ignore.
fn expect_no_args(command: &Command, args: &[String]) -> Result<()> {
    match args.first() {
        None => Ok(()),
        Some(arg) => bail!("`cargo xtask {}` does not understand `{arg}`; leave it out", command.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command() {
        let text = help();
        for command in COMMANDS {
            assert!(text.contains(command.name), "{}", command.name);
            assert!(text.contains(command.about), "{}", command.name);
        }
    }

    #[test]
    fn an_unknown_command_is_refused_with_a_way_out() {
        let error = dispatch(&["fly".to_owned()]).expect_err("there is no such command");
        assert_eq!(error.to_string(), "there is no command `fly`; `cargo xtask help` lists those that exist");
    }

    #[test]
    fn stray_arguments_are_refused() {
        let error = expect_no_args(&setup::COMMAND, &["--fast".to_owned()]).expect_err("setup takes none");
        assert_eq!(error.to_string(), "`cargo xtask setup` does not understand `--fast`; leave it out");
        expect_no_args(&setup::COMMAND, &[]).expect("no arguments are fine");
    }
}
