//! `cargo xtask check`: the whole of CI in one command, cheapest first.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{Command, guests, instructions, setup, test};
use crate::shell::{cargo, run, say, stage};
use crate::source::Tree;
use crate::tidy::findings;

pub(super) const COMMAND: Command = Command {
    name: "check",
    usage: "[--no-test]",
    about: "everything CI runs: format, tidy, guests, clippy, documentation, instructions, tests",
    run: |root, args| match args {
        [] => {
            check(root)?;
            test::test(root, &[])
        }
        [arg] if arg == "--no-test" => {
            check(root)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("`cargo xtask check` understands `--no-test` only; `cargo xtask test` takes arguments for the tests"),
    },
};

/// All of CI but the tests.
fn check(root: &Path) -> Result<()> {
    setup::ensure()?;
    stage("format", || run(cargo().current_dir(root).args(["fmt", "--all", "--check"])))?;
    stage("tidy", || tidy(root))?;
    stage("guests", || guests::build(root, guests::TESTS))?;
    stage("clippy", || {
        let mut clippy = cargo();
        clippy.current_dir(root).args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
        run(&mut clippy)
    })?;
    stage("documentation", || {
        let mut doc = cargo();
        doc.current_dir(root).args(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings");
        run(&mut doc)
    })?;
    if !instructions::is_possible_here() {
        say("instructions: not counted, which needs Linux on x86-64");
        return Ok(());
    }
    stage("instructions", || match instructions::check(root)? {
        code if code == ExitCode::SUCCESS => Ok(()),
        _ => bail!("a step of the request's path grew"),
    })
}

fn tidy(root: &Path) -> Result<()> {
    let found = findings(&Tree::read(root)?)?;
    if found.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    bail!("{} rule(s) broken:\n{}", lines.len(), lines.join("\n"))
}
