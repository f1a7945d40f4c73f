//! `cargo xtask setup`: what the build needs beyond cargo and a C compiler. Does nothing when all of it is there.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{Command, expect_no_args};
use crate::shell::{self, capture, run, say};

pub(super) const COMMAND: Command = Command {
    name: "setup",
    usage: "",
    about: "install the WebAssembly targets that the guests need; nothing when they are there",
    run: |_, args| {
        expect_no_args(&COMMAND, args)?;
        ensure()?;
        Ok(ExitCode::SUCCESS)
    },
};

/// What guests are compiled for. No system package is needed besides the C compiler that linking Rust needs anyway.
const TARGETS: &[&str] = &["wasm32-wasip1", "wasm32-wasip2", "wasm32-unknown-unknown"];

/// Installs what is missing and says so; silent when nothing is. Returns at once in that case.
pub(super) fn ensure() -> Result<()> {
    let library = sysroot()?.join("lib/rustlib");
    // The standard library itself: looking costs nothing, and works for a Rust that did not come from rustup.
    let missing = missing_targets(|target| library.join(target).join("lib").is_dir());
    if missing.is_empty() {
        return Ok(());
    }
    shell::stage("setup", || {
        say(&format!("adding the Rust targets {}", missing.join(", ")));
        if !rustup_is_here() {
            bail!(
                "the Rust targets {} are missing and there is no rustup to add them; install Rust with rustup \
                 (https://rustup.rs), or these targets from where your Rust came (Debian: libstd-rust-dev-wasm32)",
                missing.join(", ")
            );
        }
        run(std::process::Command::new("rustup").args(["target", "add"]).args(&missing))
    })
}

/// Installs valgrind where it is missing and the system's packages may be installed.
pub(super) fn ensure_valgrind() -> Result<()> {
    let is_here = || std::process::Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if is_here() {
        return Ok(());
    }
    // The list of packages may be missing or older than the packages.
    let apt = |args: &[&str]| run(std::process::Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
    let install = || apt(&["install", "--yes", "--no-install-recommends", "valgrind"]);
    let installed = shell::stage("setup", || install().or_else(|_| apt(&["update"]).and_then(|()| install())));
    match installed {
        Ok(()) if is_here() => Ok(()),
        _ => bail!("valgrind is missing; install it with the system's packages (Debian: `apt-get install valgrind`)"),
    }
}

fn sysroot() -> Result<PathBuf> {
    let printed = capture(std::process::Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(printed.trim()))
}

fn missing_targets(is_installed: impl Fn(&str) -> bool) -> Vec<&'static str> {
    TARGETS.iter().copied().filter(|target| !is_installed(target)).collect()
}

fn rustup_is_here() -> bool {
    std::process::Command::new("rustup").arg("--version").output().is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_missing() {
        assert_eq!(missing_targets(|_| true), [""; 0]);
        assert_eq!(missing_targets(|_| false), TARGETS);
        assert_eq!(missing_targets(|target| target == "wasm32-wasip2"), ["wasm32-wasip1", "wasm32-unknown-unknown"]);
    }
}
