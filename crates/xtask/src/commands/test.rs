//! `cargo xtask test`: set-up where needed, guests, then every test of the workspace, with one summary as its last line.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};

use super::{Command, guests, setup};
use crate::shell::{cargo, complain, run, say, stage};

pub(super) const COMMAND: Command = Command {
    name: "test",
    usage: "[ARGS..]",
    about: "build the guests and run all tests; arguments go to `cargo test`",
    run: |root, args| {
        setup::ensure()?;
        setup::ensure_servers()?;
        stage("guests", || guests::build(root, guests::TESTS))?;
        test(root, args)
    },
};

/// Builds and runs the tests. Failing tests are an exit code, not an error, so that the summary stays the last line.
pub(super) fn test(root: &Path, args: &[String]) -> Result<ExitCode> {
    let cargo_args = cargo_args(args);
    let build_args: Vec<&str> = cargo_args.iter().copied().take_while(|arg| *arg != "--").collect();
    stage("build tests", || run(cargo().current_dir(root).args(&build_args).arg("--no-run")))?;
    let (summary, cargo_succeeded) = stage("run tests", || run_tests(root, &cargo_args))?;
    let succeeded = cargo_succeeded && summary.failed == 0;
    if !cargo_succeeded && summary.failed == 0 {
        complain("cargo test failed although no test did; its message is above");
    }
    for name in &summary.failures {
        say(&format!("FAILED {name}"));
    }
    say(&summary.to_string());
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The whole workspace, unless the caller chose packages: cargo lets `--workspace` win over `--package` without a word.
fn cargo_args(args: &[String]) -> Vec<&str> {
    let mut all = vec!["test", "--locked", "--no-fail-fast"];
    let chooses_package = |arg: &String| arg == "-p" || arg.starts_with("--package") || arg.starts_with("--manifest-path");
    if !args.iter().take_while(|arg| *arg != "--").any(chooses_package) {
        all.push("--workspace");
    }
    all.extend(args.iter().map(String::as_str));
    all
}

fn run_tests(root: &Path, cargo_args: &[&str]) -> Result<(Summary, bool)> {
    let mut child = cargo().current_dir(root).args(cargo_args).stdout(Stdio::piped()).spawn().context("could not start `cargo test`")?;
    let mut summary = Summary::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            // A test may print bytes that are not UTF-8; they must not end the run.
            let line = String::from_utf8_lossy(&line.context("could not read the tests' output")?).into_owned();
            say(&line);
            summary.read_line(&line);
        }
    }
    let status = child.wait().context("could not wait for `cargo test`")?;
    summary.finish();
    Ok((summary, status.success()))
}

/// What all test binaries together reported.
#[derive(Debug, Default, PartialEq)]
struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// The names of the tests that failed, for the end of a long output.
    failures: Vec<String>,
    /// A binary said how many tests it runs and has not reported yet. One that dies in between counts as a failure.
    awaiting_report: bool,
}

impl Summary {
    fn read_line(&mut self, line: &str) {
        if is_start_of_binary(line) {
            self.finish();
            self.awaiting_report = true;
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.awaiting_report = false;
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
            self.skipped += count_before(counts, " ignored");
        } else if let Some(name) = failed_test(line) {
            self.failures.push(name.to_owned());
        }
    }

    fn finish(&mut self) {
        if self.awaiting_report {
            self.failed += 1;
            self.awaiting_report = false;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// `running 12 tests`
fn is_start_of_binary(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("running ") else {
        return false;
    };
    rest.split_once(' ').is_some_and(|(count, unit)| count.parse::<u64>().is_ok() && matches!(unit, "test" | "tests"))
}

/// The name in `test module::name ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// The number in front of `word` in `ok. 12 passed; 0 failed; 1 ignored; …`; 0 when it is not there.
fn count_before(counts: &str, word: &str) -> u64 {
    let Some((before, _)) = counts.split_once(word) else {
        return 0;
    };
    before.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(output: &str) -> Summary {
        let mut summary = Summary::default();
        output.lines().for_each(|line| summary.read_line(line));
        summary.finish();
        summary
    }

    #[test]
    fn adds_up_all_binaries() {
        let output = "\nrunning 2 tests\ntest a ... ok\ntest b ... ok\n\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            running 14 tests\n\
            test result: FAILED. 10 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        assert_eq!(summary(output).to_string(), "12 passed, 3 failed, 1 skipped");
    }

    #[test]
    fn failures_are_named_again_at_the_end() {
        let output = "running 2 tests\ntest a::b ... FAILED\ntest c ... ok\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(summary(output).failures, ["a::b"]);
    }

    #[test]
    fn a_binary_that_dies_is_a_failure() {
        let died_then_fine = "running 3 tests\ntest a ... ok\nrunning 1 test\n\
            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(summary(died_then_fine).to_string(), "1 passed, 1 failed, 0 skipped");
        assert_eq!(summary("running 3 tests\n").to_string(), "0 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn other_output_of_a_test_counts_nothing() {
        assert_eq!(summary("running late\nrunning 3 miles\n5 passed\n").to_string(), "0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn runs_the_workspace_unless_a_package_is_chosen() {
        assert_eq!(cargo_args(&[]), ["test", "--locked", "--no-fail-fast", "--workspace"]);
        let chosen = ["-p".to_owned(), "xtask".to_owned()];
        assert_eq!(cargo_args(&chosen), ["test", "--locked", "--no-fail-fast", "-p", "xtask"]);
        let for_the_tests = ["--".to_owned(), "-p".to_owned()];
        assert_eq!(cargo_args(&for_the_tests), ["test", "--locked", "--no-fail-fast", "--workspace", "--", "-p"]);
    }
}
