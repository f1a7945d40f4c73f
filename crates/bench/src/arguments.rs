//! The command line of the benchmark.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;

use crate::cases::{self, CASES, Case};
use crate::record::Plan;

/// Runs of each subject: an odd number, so that a median is one of them.
const RUNS: usize = 5;
const QUICK_RUNS: usize = 3;
/// How long one run under load takes.
const SECONDS: f64 = 3.0;
const QUICK_SECONDS: f64 = 0.5;

/// Measures Coracle beside its peers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// The cases to measure; all when none is named
    #[arg(value_name = "CASE")]
    cases: Vec<String>,

    /// Runs of each subject [default: 5, with `--quick` 3]
    #[arg(long, value_name = "N")]
    runs: Option<usize>,

    /// How long one run under load takes [default: 3, with `--quick` 0.5]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,

    /// Short runs, to see that everything works: the figures are rough
    #[arg(long)]
    pub(crate) quick: bool,

    /// Name the cases and stop
    #[arg(long)]
    pub(crate) list: bool,

    /// Leave out peers that are not installed
    #[arg(long)]
    pub(crate) no_install: bool,

    /// Where the record of all runs goes; with `--page`, where it is
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Have PROGRAM do what is measured here, without measuring it; `cargo xtask dist --train` makes its profile of that
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) train: Option<PathBuf>,

    /// Write docs/performance.md from a record, without measuring
    #[arg(long)]
    pub(crate) page: bool,
}

impl Arguments {
    /// The cases that are asked for.
    pub(crate) fn cases(&self) -> Result<Vec<&'static Case>> {
        if let Some(unknown) = self.cases.iter().find(|name| cases::find(name).is_none()) {
            let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
            bail!("there is no case `{unknown}`; there are {}", known.join(", "));
        }
        let wanted = |case: &&Case| self.cases.is_empty() || self.cases.iter().any(|name| name == case.name);
        Ok(CASES.iter().filter(wanted).collect())
    }

    pub(crate) fn plan(&self) -> Plan {
        let (runs, seconds) = if self.quick { (QUICK_RUNS, QUICK_SECONDS) } else { (RUNS, SECONDS) };
        Plan { runs: self.runs.unwrap_or(runs).max(1), seconds: self.seconds.unwrap_or(seconds).max(0.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_case_is_told_which_there_are() {
        let arguments = Arguments::parse_from(["bench", "fly"]);
        let error = arguments.cases().err().unwrap().to_string();
        assert!(error.starts_with("there is no case `fly`; there are hello"), "{error}");
    }

    #[test]
    fn the_plan_follows_the_flags() {
        let plan = |arguments: &[&str]| Arguments::parse_from([&["bench"], arguments].concat()).plan();
        assert_eq!(plan(&[]).runs, RUNS);
        assert_eq!(plan(&["--quick"]).runs, QUICK_RUNS);
        assert_eq!(plan(&["--quick", "--runs", "7"]).runs, 7);
    }
}
