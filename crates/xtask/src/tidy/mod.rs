//! The house rules that a machine can check: a file each, and a line in `CASES`. They run as `cargo xtask tidy` and as a
//! test of this crate. A message names the place and says what to do instead.

mod house;
mod modules;

mod layers;

mod architecture;
mod lists;
mod manifests;
mod test_binaries;

mod dead_files;
mod headers;
mod length;
mod names;

mod host_paths;
mod leftovers;
mod listeners;
mod todos;

mod floors;
mod markdown;

use std::fmt;

use anyhow::{Context as _, Result};

use crate::source::Tree;

/// One rule: its name, the rule in a sentence, and the function that looks for breaches.
pub(crate) struct Case {
    name: &'static str,
    rule: &'static str,
    check: fn(&Tree) -> Result<Vec<Finding>>,
}

pub(crate) const CASES: &[Case] = &[
    layers::CASE,
    architecture::CASE,
    lists::CASE,
    manifests::CASE,
    test_binaries::CASE,
    dead_files::CASE,
    headers::CASE,
    length::CASE,
    names::CASE,
    leftovers::CASE,
    listeners::CASE,
    todos::CASE,
    host_paths::CASE,
    markdown::CASE,
    floors::CASE,
];

/// A breach of a rule: where, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1; 0 where the whole file is meant.
    line: usize,
    message: String,
    case: &'static str,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into(), case: "" }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} [{}]", self.path, self.message, self.case),
            line => write!(f, "{}:{line}: {} [{}]", self.path, self.message, self.case),
        }
    }
}

/// Every breach of every rule, by file.
pub(crate) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let mut all = Vec::new();
    for case in CASES {
        let found = (case.check)(tree).with_context(|| format!("the rule “{}” could not be checked", case.rule))?;
        all.extend(found.into_iter().map(|finding| Finding { case: case.name, ..finding }));
    }
    all.sort();
    Ok(all)
}

/// What a case says about a tree, as lines; for the cases' own tests.
#[cfg(test)]
fn lines_of(case: &Case, files: &[(&str, &str)]) -> Vec<String> {
    let found = (case.check)(&Tree::of(files)).expect("the case runs");
    found.iter().map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let tree = Tree::read(&crate::source::root().expect("the root")).expect("git lists it");
        let found = findings(&tree).expect("every case runs");
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn a_finding_names_place_remedy_and_rule() {
        let finding = Finding { case: "headers", ..Finding::new("a.rs", 3, "add one") };
        assert_eq!(finding.to_string(), "a.rs:3: add one [headers]");
        assert_eq!(Finding { line: 0, ..finding }.to_string(), "a.rs: add one [headers]");
    }
}
