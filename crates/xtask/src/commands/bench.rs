//! `cargo xtask bench`: the benchmarks, built as users would run the program.

use std::process::ExitCode;

use super::Command;
use crate::shell::{cargo, run};

pub(super) const COMMAND: Command = Command {
    name: "bench",
    usage: "[ARGS..]",
    about: "build and run the benchmarks; arguments go to them",
    run: |root, args| {
        super::setup::ensure()?;
        super::guests::build(root)?;
        // The benchmarks start the program as a user would, from beside themselves.
        let mut program = cargo();
        program.current_dir(root).args(["build", "--release", "--locked", "--package", "coracle-cli"]);
        run(&mut program)?;
        let mut bench = cargo();
        bench.current_dir(root).args(["run", "--release", "--locked", "--package", "coracle-bench", "--"]).args(args);
        run(&mut bench)?;
        Ok(ExitCode::SUCCESS)
    },
};
