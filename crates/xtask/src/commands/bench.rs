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
        let mut bench = cargo();
        bench.current_dir(root).args(["run", "--release", "--locked", "--package", "coracle-bench", "--"]).args(args);
        run(&mut bench)?;
        Ok(ExitCode::SUCCESS)
    },
};
