//! `cargo xtask dist`: the binary that is shipped, and the proof that it stayed small.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::{Command, expect_no_args};
use crate::shell::{cargo, run, say, stage};
use crate::source::target_dir;

pub(super) const COMMAND: Command = Command {
    name: "dist",
    usage: "",
    about: "build the shipped binary and check its size",
    run: |root, args| {
        expect_no_args(&COMMAND, args)?;
        dist(root)?;
        Ok(ExitCode::SUCCESS)
    },
};

/// The profile of the workspace's `Cargo.toml` that makes it.
pub(super) const PROFILE: &str = "dist";

/// 45 MB: small enough to copy to every node and into every container image without a thought.
const BINARY_BYTES_MAX: u64 = 45_000_000;

fn dist(root: &Path) -> Result<()> {
    stage("build", || {
        let mut build = cargo();
        build.current_dir(root).args(["build", "--profile", PROFILE, "--locked", "--package", "coracle-cli"]);
        run(&mut build)
    })?;
    let binary = target_dir(root).join(PROFILE).join(format!("coracle{}", std::env::consts::EXE_SUFFIX));
    let bytes = std::fs::metadata(&binary).with_context(|| format!("{} was not built", binary.display()))?.len();
    say(&format!("{}: {}", binary.display(), megabytes(bytes)));
    judge_size(bytes)
}

fn judge_size(bytes: u64) -> Result<()> {
    if bytes > BINARY_BYTES_MAX {
        bail!(
            "the binary has {}, more than {}; find what grew with `cargo bloat --profile dist --crates`",
            megabytes(bytes),
            megabytes(BINARY_BYTES_MAX)
        );
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_at_the_limit_passes() {
        judge_size(BINARY_BYTES_MAX).expect("the limit itself is allowed");
    }

    #[test]
    fn a_binary_over_the_limit_is_refused_with_both_sizes() {
        let error = judge_size(51_260_000).expect_err("over the limit");
        assert!(error.to_string().starts_with("the binary has 51.2 MB, more than 45.0 MB"), "{error}");
    }
}
