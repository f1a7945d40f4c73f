//! `cargo xtask bench`: the benchmarks, of the program as it is shipped.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::{Command, dist, guests, setup};
use crate::shell::{cargo, run, stage};
use crate::source::target_dir;

pub(super) const COMMAND: Command = Command {
    name: "bench",
    usage: "[CASE..] [ARGS..]",
    about: "measure beside the peers and write docs/performance.md; `--help` tells the arguments",
    run: |root, args| {
        // These measure nothing, so they need nothing.
        let measures = !args.iter().any(|arg| matches!(arg.as_str(), "--list" | "--page" | "--help" | "-h"));
        if measures {
            setup::ensure()?;
            stage("guests", || guests::build(root, guests::EVERYWHERE))?;
            dist::build(root)?;
        }
        stage("benchmark", || build(root, PROFILE, &["--package", "coracle-bench"]))?;
        run(std::process::Command::new(program(root, PROFILE, "coracle-bench")).current_dir(root).args(args))?;
        Ok(ExitCode::SUCCESS)
    },
};

/// How the benchmark is built, the native servers and what embeds the engine in its own process among it. `coracle` itself is measured as it
/// is shipped.
pub(super) const PROFILE: &str = "release";

/// Builds a package as it is measured.
pub(super) fn build(root: &Path, profile: &str, what: &[&str]) -> Result<()> {
    run(cargo().current_dir(root).args(["build", "--locked", "--profile", profile]).args(what))
}

/// Where a program is once it is built; the benchmark finds the others beside itself.
pub(super) fn program(root: &Path, profile: &str, name: &str) -> std::path::PathBuf {
    target_dir(root).join(profile).join(name)
}
