//! `cargo xtask guests`: compiles the guest programs that tests and benchmarks run, and collects their `.wasm` files.
//! Each folder in theirs is a package with a workspace of its own; cargo decides what has changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::{Command, expect_no_args, setup};
use crate::shell::{capture, cargo, say};
use crate::source::target_dir;

pub(super) const COMMAND: Command = Command {
    name: "guests",
    usage: "",
    about: "compile the guest programs that tests and benchmarks run",
    run: |root, args| {
        expect_no_args(&COMMAND, args)?;
        setup::ensure()?;
        build(root, EVERYWHERE)?;
        Ok(ExitCode::SUCCESS)
    },
};

/// A folder of guests.
pub(super) struct Place {
    folder: &'static str,
    /// Where their programs go, below `target/guests/out`.
    out: &'static str,
}

const OF_TESTS: Place = Place { folder: "crates/testkit/guests", out: "" };
const OF_BENCH: Place = Place { folder: "crates/bench/guests", out: "" };
/// Apart from the others: they are called as what they show, as guests of the tests are.
const EXAMPLES: Place = Place { folder: "examples", out: "examples" };

/// The guests of the tests, the examples among them.
pub(super) const TESTS: &[Place] = &[OF_TESTS, EXAMPLES];

/// All guests, those of the benchmark too.
pub(super) const EVERYWHERE: &[Place] = &[OF_TESTS, OF_BENCH, EXAMPLES];

/// Builds every guest in `places` into `target/guests/out/<name>.wasm`.
pub(super) fn build(root: &Path, places: &[Place]) -> Result<()> {
    let all = target_dir(root).join("guests/out");
    let (mut made, mut packages) = (BTreeSet::new(), 0);
    for place in places {
        let out = all.join(place.out);
        std::fs::create_dir_all(&out).with_context(|| format!("could not create {}", out.display()))?;
        for guest in find(&root.join(place.folder))? {
            guest.build(root, &out, &mut made).with_context(|| format!("guest `{}` does not build", guest.name))?;
            packages += 1;
        }
    }
    say(&format!("{} guest program(s) from {packages} package(s) in {}", made.len(), all.display()));
    Ok(())
}

/// One package of guest programs.
#[derive(Debug)]
struct Guest {
    /// The folder's name.
    name: String,
    manifest: PathBuf,
    /// What `[package.metadata.coracle]` says: `wasm32-wasip2` and so on.
    target: String,
}

impl Guest {
    /// Adds its programs to those that are `made`.
    fn build(&self, root: &Path, out: &Path, made: &mut BTreeSet<PathBuf>) -> Result<()> {
        let mut build = cargo();
        build.current_dir(root).args(["build", "--release", "--quiet", "--message-format=json-render-diagnostics"]);
        build.arg("--manifest-path").arg(&self.manifest).args(["--target", &self.target]);
        build.arg("--target-dir").arg(target_dir(root).join("guests"));
        if self.manifest.with_file_name("Cargo.lock").is_file() {
            build.arg("--locked");
        }
        // Flags meant for this machine's own code (`-C target-cpu=native`, a linker) break or change a guest.
        build.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let programs = programs(&capture(&mut build)?, &self.manifest)?;
        if programs.is_empty() {
            bail!("it compiled to no .wasm file; make it a program or set `crate-type = [\"cdylib\"]`");
        }
        for program in &programs {
            let name = if programs.len() == 1 { &self.name } else { &program.name };
            let file = out.join(format!("{name}.wasm"));
            if !made.insert(file.clone()) {
                bail!("another guest makes `{name}.wasm`, too; give one of them another name");
            }
            copy_if_changed(&program.wasm, &file)?;
        }
        Ok(())
    }
}

/// Every folder below `folder` with a Cargo.toml, in the order of their names.
fn find(folder: &Path) -> Result<Vec<Guest>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut guests = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let path = entry.with_context(|| format!("could not list {}", folder.display()))?.path();
        let manifest = path.join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&manifest).with_context(|| format!("could not read {}", manifest.display()))?;
        let target = target_of(&text).with_context(|| manifest.display().to_string())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        guests.push(Guest { name, manifest, target });
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

fn target_of(manifest: &str) -> Result<String> {
    let manifest: toml::Table = toml::from_str(manifest).context("is not valid TOML")?;
    if !manifest.contains_key("workspace") {
        bail!("has no `[workspace]`; add an empty one, because guests stand apart from the main workspace");
    }
    let section = ["metadata", "coracle", "target"].iter();
    let target = section.fold(manifest.get("package"), |at, key| at.and_then(|value| value.get(*key)));
    match target.and_then(toml::Value::as_str) {
        Some(target) => Ok(target.to_owned()),
        None => bail!("names no target; add `target = \"wasm32-wasip2\"` to its `[package.metadata.coracle]`"),
    }
}

#[derive(Debug, PartialEq)]
struct Program {
    name: String,
    wasm: PathBuf,
}

/// The `.wasm` files of the package itself, from cargo's JSON messages. Those of its dependencies are not programs.
fn programs(messages: &str, manifest: &Path) -> Result<Vec<Program>> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        #[serde(default)]
        manifest_path: PathBuf,
        #[serde(default)]
        filenames: Vec<PathBuf>,
        target: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let mut programs = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line).context("cargo printed a message that is not JSON")?;
        if message.reason != "compiler-artifact" || message.manifest_path != manifest {
            continue;
        }
        let Some(target) = message.target else {
            continue;
        };
        let is_wasm = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
        programs.extend(message.filenames.into_iter().filter(is_wasm).map(|wasm| Program { name: target.name.clone(), wasm }));
    }
    Ok(programs)
}

/// An unchanged file keeps its time, so nothing that depends on it is built again.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = std::fs::read(from).with_context(|| format!("could not read {}", from.display()))?;
    if std::fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    std::fs::write(to, new).with_context(|| format!("could not write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_comes_from_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[package.metadata.coracle]\ntarget = \"wasm32-wasip2\"\n[workspace]\n";
        assert_eq!(target_of(manifest).expect("it names one"), "wasm32-wasip2");
    }

    #[test]
    fn a_guest_without_a_target_is_told_what_to_add() {
        let error = target_of("[package]\nname = \"x\"\n[workspace]\n").expect_err("no target");
        assert!(error.to_string().contains("[package.metadata.coracle]"), "{error}");
    }

    #[test]
    fn a_guest_without_a_workspace_is_told_what_to_add() {
        let error = target_of("[package]\nname = \"x\"\n").expect_err("no workspace");
        assert!(error.to_string().contains("add an empty one"), "{error}");
    }

    #[test]
    fn only_the_packages_own_wasm_is_a_program() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/dep/Cargo.toml","target":{"name":"dep"},"filenames":["/o/dep.wasm"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/g/Cargo.toml","target":{"name":"g"},"filenames":["/o/g.wasm","/o/g.d"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n"
        );
        let found = programs(messages, Path::new("/g/Cargo.toml")).expect("valid messages");
        assert_eq!(found, [Program { name: "g".to_owned(), wasm: PathBuf::from("/o/g.wasm") }]);
    }
}
