//! `cargo xtask dist`: the binary that is shipped, and the proof that it stayed small. It is built with a profile of its usual work, which
//! is made first where there is none; see `docs/decisions/014-a-profile.md`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::{Command, bench, guests, setup};
use crate::shell::{cargo, run, say, stage};
use crate::source::target_dir;

pub(super) const COMMAND: Command = Command {
    name: "dist",
    usage: "[--train]",
    about: "build the shipped binary and check its size; `--train` makes the profile of its work anew before",
    run: |root, args| {
        match args {
            [] => {}
            [arg] if arg == "--train" => train(root)?,
            _ => bail!("`cargo xtask dist` understands `--train` only"),
        }
        let binary = build(root)?;
        let bytes = std::fs::metadata(&binary).with_context(|| format!("{} was not built", binary.display()))?.len();
        say(&format!("{}: {}", binary.display(), megabytes(bytes)));
        judge_size(bytes)?;
        Ok(ExitCode::SUCCESS)
    },
};

/// The profile of the workspace's `Cargo.toml` that makes it.
const PROFILE: &str = "dist";

/// 45 MB: small enough to copy to every node and into every container image without a thought.
const BINARY_BYTES_MAX: u64 = 45_000_000;

/// The folder below `target` where the profile is made and kept.
const TRAINING: &str = "training";
/// Where the program is trained: its profile fits the target it was made on, because the names of functions do.
const TRAINED_TARGET: &str = "x86_64-unknown-linux-gnu";
const IS_TRAINED: bool = cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"));

/// Values that are counted for one place, such as the function that a pointer points to; the default takes the first few only.
const VALUES_OF_A_PLACE: &str = "-Cllvm-args=-vp-counters-per-site=4";
/// Functions that have changed since the profile was made are built without it; there is no need to list them at each build.
const WITHOUT_COMPLAINTS: &str = "-Cllvm-args=-no-pgo-warn-mismatch";
/// How long each kind of work is done for the profile.
const TRAINING_SECONDS: &str = "2";

/// Builds the program as it is shipped; the answer is where it lies.
pub(super) fn build(root: &Path) -> Result<PathBuf> {
    let binary = binary(&target_dir(root).join(PROFILE));
    if !IS_TRAINED {
        stage("program", || bench::build(root, PROFILE, &["--package", "coracle-cli"]))?;
        return Ok(binary);
    }
    let profile = profile(root);
    if !profile.is_file() {
        train(root)?;
    }
    stage("program", || {
        let built = build_with(root, &target_dir(root), &[&format!("-Cprofile-use={}", profile.display()), WITHOUT_COMPLAINTS])?;
        std::fs::create_dir_all(target_dir(root).join(PROFILE)).context("a folder for the binary")?;
        std::fs::copy(&built, &binary).with_context(|| format!("could not copy {}", built.display()))
    })?;
    Ok(binary)
}

/// Builds the program with `flags` of the compiler. The target is named so that build scripts and macros are left alone.
fn build_with(root: &Path, target_dir: &Path, flags: &[&str]) -> Result<PathBuf> {
    let mut build = cargo();
    build.current_dir(root).args(["build", "--locked", "--profile", PROFILE, "--package", "coracle-cli", "--target", TRAINED_TARGET]);
    build.arg("--target-dir").arg(target_dir);
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    run(&mut build)?;
    Ok(self::binary(&target_dir.join(TRAINED_TARGET).join(PROFILE)))
}

fn binary(folder: &Path) -> PathBuf {
    folder.join(format!("coracle{}", std::env::consts::EXE_SUFFIX))
}

/// How often the program's usual work executes what.
fn profile(root: &Path) -> PathBuf {
    target_dir(root).join(TRAINING).join("coracle.profdata")
}

/// Makes the profile: builds a program that counts, and has it do what the benchmark measures.
fn train(root: &Path) -> Result<()> {
    if !IS_TRAINED {
        bail!("the program is trained on {TRAINED_TARGET} only; leave out `--train` to build it without");
    }
    setup::ensure()?;
    let merge = setup::ensure_profdata()?;
    let folder = target_dir(root).join(TRAINING);
    let raw = folder.join("raw");
    if raw.exists() {
        std::fs::remove_dir_all(&raw).with_context(|| format!("could not empty {}", raw.display()))?;
    }
    let program =
        stage("program that counts", || build_with(root, &folder, &[&format!("-Cprofile-generate={}", raw.display()), VALUES_OF_A_PLACE]))?;
    stage("guests", || guests::build(root, guests::EVERYWHERE))?;
    stage("benchmark", || bench::build(root, bench::PROFILE, &["--package", "coracle-bench"]))?;
    stage("training", || {
        let mut work = std::process::Command::new(bench::program(root, bench::PROFILE, "coracle-bench"));
        run(work.current_dir(root).args(["--seconds", TRAINING_SECONDS, "--train"]).arg(&program))
    })?;
    stage("profile", || {
        let mut merge = std::process::Command::new(merge);
        run(merge.args(["merge", "--output"]).arg(profile(root)).arg(&raw))
    })
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
