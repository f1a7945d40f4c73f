//! `cargo xtask instructions`: counts the instructions of each step of a request's way through the host, and compares them with what was
//! committed. Unlike times, they are the same on a busy machine.

mod baseline;
mod profile;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::{Command, bench, guests, setup};
use crate::shell::{capture, complain, run, say, stage};
use crate::source::target_dir;
use baseline::{Baseline, Counted, Verdict};
use profile::Profile;

pub(super) const COMMAND: Command = Command {
    name: "instructions",
    usage: "[--update]",
    about: "count the instructions of a request's steps; fails where one grew by more than 3 %",
    run: |root, args| match args {
        [] => check(root),
        [arg] if arg == "--update" => {
            let counted = count_all(root)?;
            Baseline { rustc: rustc()?, step: counted }.write(&root.join(BASELINE))?;
            say(&format!("{BASELINE} says now what was counted"));
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("`cargo xtask instructions` understands `--update` only"),
    },
};

const BASELINE: &str = "crates/bench/instructions.toml";
const PROGRAM: &str = "coracle-steps";

/// How often a step is done in the first of two runs. The second does it twice as often, and their difference is what the steps took,
/// without start and end of the process.
const TIMES: u64 = 1_000;

/// Whether this machine can count: valgrind knows its processor, and the committed counts are for it.
pub(super) const fn is_possible_here() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// Counts and compares.
pub(super) fn check(root: &Path) -> Result<ExitCode> {
    let baseline = Baseline::read(&root.join(BASELINE))?;
    let counted = count_all(root)?;
    let verdict = baseline.judge(&counted);
    say(&verdict.table());
    let rustc = rustc()?;
    if baseline.rustc != rustc {
        say(&format!(
            "not compared: the committed counts are those of rustc {}, and this is {rustc}; `--update` renews them",
            baseline.rustc
        ));
        return Ok(ExitCode::SUCCESS);
    }
    report(&verdict)
}

fn report(verdict: &Verdict) -> Result<ExitCode> {
    let complaints = verdict.complaints();
    complaints.iter().for_each(|complaint| complain(complaint));
    if complaints.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    complain("if the growth is worth it, say why in the commit that runs `cargo xtask instructions --update`");
    Ok(ExitCode::FAILURE)
}

fn count_all(root: &Path) -> Result<std::collections::BTreeMap<String, Counted>> {
    setup::ensure()?;
    setup::ensure_valgrind()?;
    stage("guests", || guests::build(root, guests::TESTS))?;
    stage("program", || bench::build(root, bench::PROFILE, &["--package", "coracle-bench", "--bin", PROGRAM]))?;
    let program = bench::program(root, bench::PROFILE, PROGRAM);
    let folder = target_dir(root).join("instructions");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    stage("count", || {
        let cache = folder.join("cache");
        // The compiled guest has to fit the processor that valgrind shows.
        run(valgrind("none").arg(&program).arg("prepare").arg(&cache))?;
        let list = capture(std::process::Command::new(&program).arg("list"))?;
        list.lines().map(|step| Ok((step.to_owned(), count(&program, step, &folder, &cache)?))).collect()
    })
}

/// What one step takes, function by function.
fn count(program: &Path, step: &str, folder: &Path, cache: &Path) -> Result<Counted> {
    let once = profile(program, step, TIMES, folder, cache)?;
    let twice = profile(program, step, TIMES * 2, folder, cache)?;
    let grown = twice.since(&once).with_context(|| format!("step `{step}` was not counted"))?;
    Ok(Counted::new(&grown, TIMES))
}

/// The threads of one run.
fn profile(program: &Path, step: &str, times: u64, folder: &Path, cache: &Path) -> Result<Profile> {
    let out = folder.join(format!("{step}.out"));
    let of_threads = || -> Result<Vec<PathBuf>> {
        let prefix = format!("{step}.out-");
        let entries = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<_> =
            entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))).collect();
        paths.sort();
        Ok(paths)
    };
    of_threads()?.iter().try_for_each(std::fs::remove_file)?;
    let mut command = valgrind("callgrind");
    command.arg("--separate-threads=yes").arg(format!("--callgrind-out-file={}", out.display()));
    run(command.arg(program).args(["run", step, &times.to_string()]).arg(cache))?;
    let texts: Vec<String> = of_threads()?.iter().map(std::fs::read_to_string).collect::<std::io::Result<_>>()?;
    Profile::parse(&texts)
}

fn valgrind(tool: &str) -> std::process::Command {
    let mut command = std::process::Command::new("valgrind");
    command.args(["--quiet", &format!("--tool={tool}")]);
    // When the allocator returns memory is a matter of time, and so would the count be.
    command.env("MIMALLOC_PURGE_DELAY", "-1");
    command
}

/// The compiler's version: another one makes other instructions.
fn rustc() -> Result<String> {
    let text = capture(std::process::Command::new("rustc").arg("--version"))?;
    text.split(' ').nth(1).map(str::to_owned).context("`rustc --version` names no version")
}
