//! `cargo xtask setup`: what the build needs beyond cargo and a C compiler. Does nothing when all of it is there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{Command, expect_no_args};
use crate::shell::{self, capture, run, say};

pub(super) const COMMAND: Command = Command {
    name: "setup",
    usage: "",
    about: "install the WebAssembly targets that the guests need and the servers that the tests start; nothing when they are there",
    run: |_, args| {
        expect_no_args(&COMMAND, args)?;
        ensure()?;
        ensure_servers()?;
        Ok(ExitCode::SUCCESS)
    },
};

/// What guests are compiled for. To build, no system package is needed besides the C compiler that linking Rust needs anyway.
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
    ensure_packages(&[Package { name: "valgrind", programs: &["valgrind"] }])
}

/// The program that merges profiles, which comes with the compiler; added where it is missing.
pub(super) fn ensure_profdata() -> Result<PathBuf> {
    let library = sysroot()?.join("lib/rustlib");
    let find = || {
        let targets = std::fs::read_dir(&library).ok()?;
        targets.flatten().map(|target| target.path().join("bin").join("llvm-profdata")).find(|program| program.is_file())
    };
    if let Some(program) = find() {
        return Ok(program);
    }
    say("adding the component llvm-tools");
    run(std::process::Command::new("rustup").args(["component", "add", "llvm-tools"]))?;
    match find() {
        Some(program) => Ok(program),
        None => bail!("there is no llvm-profdata in {}; it comes with `rustup component add llvm-tools`", library.display()),
    }
}

/// Installs the servers that tests start.
pub(super) fn ensure_servers() -> Result<()> {
    ensure_packages(SERVERS)
}

/// A package of Debian, and where it puts a program that is looked for.
struct Package {
    name: &'static str,
    /// Any one of them is enough; a name, or a path with `*` for a part that names a version.
    programs: &'static [&'static str],
}

/// The servers that tests start on loopback.
const SERVERS: &[Package] = &[
    Package { name: "redis-server", programs: &["redis-server"] },
    Package { name: "nats-server", programs: &["nats-server"] },
    Package { name: "mosquitto", programs: &["mosquitto"] },
    Package { name: "mariadb-server", programs: &["mariadbd"] },
    Package { name: "postgresql", programs: &["/usr/lib/postgresql/*/bin/postgres"] },
];

impl Package {
    fn is_here(&self) -> bool {
        const FOLDERS: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];
        self.programs.iter().any(|program| match program.split_once('*') {
            None => FOLDERS.iter().any(|folder| Path::new(folder).join(program).is_file()),
            Some((folder, rest)) => std::fs::read_dir(folder)
                .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().join(rest.trim_start_matches('/')).is_file())),
        })
    }
}

/// Installs those of `packages` that are missing, where the system's packages may be installed, and says so.
fn ensure_packages(packages: &[Package]) -> Result<()> {
    let missing = || packages.iter().filter(|package| !package.is_here()).map(|package| package.name).collect::<Vec<_>>();
    let names = missing();
    if names.is_empty() {
        return Ok(());
    }
    // The list of packages may be missing or older than the packages. Servers are started by the tests, not by the system.
    let apt = |args: &[&str]| {
        let mut command = std::process::Command::new("apt-get");
        run(command.args(args).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1"))
    };
    let install = || apt(&[&["install", "--yes", "--no-install-recommends"], names.as_slice()].concat());
    let installed = shell::stage("setup", || {
        say(&format!("installing the packages {}", names.join(", ")));
        install().or_else(|_| apt(&["update"]).and_then(|()| install()))
    });
    match (installed, missing().as_slice()) {
        (Ok(()), []) => Ok(()),
        (_, names) => {
            let names = names.join(" ");
            bail!("missing are {names}; install them with the system's packages (Debian: `apt-get install {names}`)")
        }
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
