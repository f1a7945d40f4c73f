//! `cargo xtask bench`: the benchmarks, built as users would run the program.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::{Command, guests, setup};
use crate::shell::{cargo, run, stage};
use crate::source::target_dir;

pub(super) const COMMAND: Command = Command {
    name: "bench",
    usage: "[CASE..] [ARGS..]",
    about: "measure beside the peers and write docs/performance.md; `--help` tells the arguments",
    run: |root, args| {
        let (profile, args) = profile(args)?;
        // These measure nothing, so they need nothing.
        let measures = !args.iter().any(|arg| matches!(arg.as_str(), "--list" | "--page" | "--help" | "-h"));
        if measures {
            setup::ensure()?;
            stage("guests", || guests::build(root, guests::EVERYWHERE))?;
        }
        // Together, so that both link what was compiled once.
        let packages: &[&str] =
            if measures { &["--package", "coracle-cli", "--package", "coracle-bench"] } else { &["--package", "coracle-bench"] };
        stage("programs", || build(root, profile, packages))?;
        run(std::process::Command::new(program(root, profile, "coracle-bench")).current_dir(root).args(args))?;
        Ok(ExitCode::SUCCESS)
    },
};

/// How a program is built that users compile.
pub(super) const PROFILE: &str = "release";

/// Takes `--profile NAME` out of the arguments: `dist` measures the program as it is shipped, and takes long to build.
fn profile(args: &[String]) -> Result<(&str, Vec<&String>)> {
    match args.iter().position(|arg| arg == "--profile") {
        None => Ok((PROFILE, args.iter().collect())),
        Some(flag) => {
            let name = args.get(flag + 1).context("`--profile` needs a name, such as `dist`")?;
            Ok((name, args.iter().enumerate().filter(|(index, _)| *index != flag && *index != flag + 1).map(|(_, arg)| arg).collect()))
        }
    }
}

/// Builds a package as it is measured.
pub(super) fn build(root: &Path, profile: &str, what: &[&str]) -> Result<()> {
    run(cargo().current_dir(root).args(["build", "--locked", "--profile", profile]).args(what))
}

/// Where a program is once it is built; the benchmark finds the others beside itself.
pub(super) fn program(root: &Path, profile: &str, name: &str) -> std::path::PathBuf {
    target_dir(root).join(profile).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_taken_out_of_the_arguments() {
        let args = ["hello", "--profile", "dist", "--quick"].map(str::to_owned);
        let (name, rest) = profile(&args).expect("a name follows");
        assert_eq!((name, rest), ("dist", vec![&args[0], &args[3]]));
        assert_eq!(profile(&args[..1]).expect("none is needed"), ("release", vec![&args[0]]));
        assert!(profile(&args[1..2]).is_err());
    }
}
