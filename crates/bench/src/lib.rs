//! The benchmark: Coracle, its peers and native servers under the same load on the same machine. What is measured stands in `cases`, what
//! it should come to in `goals`, and `page` turns the record of a run into docs/performance.md.

pub mod density;
pub mod live;
pub mod native;
pub mod steps;

mod app;
mod arguments;
mod backends;
mod bench;
mod cases;
mod contest;
mod embedded;
mod goals;
mod load;
mod machine;
mod page;
mod peers;
mod plain;
mod processes;
mod record;
mod server;
mod stats;
mod subjects;
mod table;
mod terminal;
mod training;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use coracle_base::clock;

use arguments::Arguments;
use bench::{Bench, Places};
use cases::{CASES, Case};
use machine::Machine;
use peers::{ALL, Peers};
use record::{CaseRecord, Record, Skipped};
use terminal::{note, say};

/// The program's own allocator, so that what is measured in process is what the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The profile of what is shipped; see the workspace's `Cargo.toml`.
const SHIPPED_PROFILE: &str = "dist";
/// Descriptors that the cases with many connections need, here and in the servers.
const DESCRIPTORS: u64 = 65_536;

/// Runs what the command line asks for.
///
/// # Errors
/// When a case cannot be measured, or the result not be written.
pub fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        for case in CASES {
            say(&format!("{:<14} {}", case.name, case.title));
        }
        return Ok(());
    }
    let root = root();
    if arguments.page {
        let record = Record::read(&arguments.json.unwrap_or_else(|| page::record_path(&root)))?;
        return page::write(&root, &record);
    }
    if let Some(program) = &arguments.train {
        return training::run(&Bench::new(arguments.plan(), Peers::default(), places(&root), program.clone())?);
    }
    let cases = arguments.cases()?;
    // A page shows all cases, measured with care; anything less stays where it does not replace one.
    let is_whole = cases.len() == CASES.len() && !arguments.quick;
    let path = arguments.json.clone().unwrap_or_else(|| if is_whole { page::record_path(&root) } else { target(&root).join("runs.json") });
    measure(&arguments, &cases, &root)?.write(&path)?;
    // What is shown is made of the file, so that it is the same whenever it is made: a number that was read can differ in its last bit.
    let record = Record::read(&path)?;
    for case in &cases {
        if let Some(found) = record.case(case.name) {
            say(&format!("\n## {}\n\n{}", case.title, page::table(case, found)));
        }
    }
    say(&format!("\n## Goals\n\n{}", page::goals_table(&record)));
    if is_whole {
        page::write(&root, &record)?;
        note(&format!("written: {}", page::PAGE));
    }
    note(&format!("every single run: {}", path.display()));
    Ok(())
}

fn measure(arguments: &Arguments, cases: &[&'static Case], root: &std::path::Path) -> Result<Record> {
    raise_descriptors();
    let (started_unix_ms, started, machine) = (clock::unix_ms(), clock::now(), Machine::read());
    note(&format!("machine: {}, {} cores, load before the run {}", machine.cpu, machine.cores, machine.load_before));
    let wanted: Vec<_> =
        ALL.iter().copied().filter(|peer| cases.iter().any(|case| case.peers.iter().any(|of| of.name == peer.name))).collect();
    let peers = Peers::find(&wanted, &target(root).join("peers"), !arguments.no_install);
    for Skipped { what, why } in &peers.skipped {
        say(&format!("skipped {what}: {why}"));
    }
    let mut versions = peers.versions.clone();
    versions.insert("coracle".to_owned(), format!("{}{}", env!("CARGO_PKG_VERSION"), commit(root)));
    let bench = Bench::new(arguments.plan(), peers, places(root), shipped()?)?;
    let mut found = Vec::new();
    for case in cases {
        note(&format!("{}: {}", case.name, case.title));
        match (case.run)(&bench) {
            Ok(series) => found.push(CaseRecord { name: case.name.to_owned(), series }),
            // One case that cannot run must not cost the others' half hour.
            Err(error) => bench.skip(format!("the case `{}`", case.name), &error),
        }
    }
    let elapsed_s = started.elapsed().as_secs();
    Ok(Record { started_unix_ms, elapsed_s, plan: bench.plan.clone(), machine, versions, skipped: bench.skipped(), cases: found })
}

/// The folder of the workspace.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map_or_else(PathBuf::new, PathBuf::from)
}

/// What the benchmark leaves behind, and keeps for the next time.
fn target(root: &std::path::Path) -> PathBuf {
    root.join("target/bench")
}

/// The program as it is shipped, which was built beside this one with another profile.
fn shipped() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(2).context("this program's folder lies in no other")?.join(SHIPPED_PROFILE).join("coracle"))
}

fn places(root: &std::path::Path) -> Places {
    Places { guests: root.join("target/guests/out"), caches: target(root).join("caches") }
}

/// The commit that is measured, where git tells.
fn commit(root: &std::path::Path) -> String {
    let output = Command::new("git").arg("-C").arg(root).args(["describe", "--always", "--dirty"]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// As many descriptors as the system allows, up to what is needed; servers inherit them.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted =
        Rlimit { current: limit.maximum.map_or(Some(DESCRIPTORS), |maximum| Some(maximum.min(DESCRIPTORS))), maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted).context("descriptors") {
        note(&format!("cases with many connections may fail: {error:#}"));
    }
}
