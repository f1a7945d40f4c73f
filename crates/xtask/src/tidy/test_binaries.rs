//! A crate has one binary of integration tests, `tests/it/main.rs`: each further one links the whole crate again.

use anyhow::Result;

use super::{Case, Finding};
use crate::source::{Tree, is_cfg_test};

pub(super) const CASE: Case =
    Case { name: "test_binaries", rule: "a crate has one test binary, `tests/it/main.rs`, marked `#![cfg(test)]`", check };

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for name in tree.folders_in("crates") {
        let tests = format!("crates/{name}/tests");
        let front = format!("{tests}/it/main.rs");
        for file in tree.files_in(&tests).into_iter().filter(|file| file.ends_with(".rs")) {
            found.push(Finding::new(&format!("{tests}/{file}"), 0, format!("move it to {tests}/it and add its `mod` line to {front}")));
        }
        for folder in tree.folders_in(&tests).into_iter().filter(|folder| *folder != "it") {
            let main = format!("{tests}/{folder}/main.rs");
            if tree.exists(&main) {
                found.push(Finding::new(&main, 0, format!("make it a module of {front}")));
            }
        }
        if let Some(syntax) = tree.file(&front).and_then(|file| file.syntax())
            && !is_cfg_test(&syntax.attrs)
        {
            let message = "write `#![cfg(test)]` below the header; without it clippy takes the functions here for code that ships";
            found.push(Finding::new(&front, 1, message));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn one_marked_binary_passes() {
        let files = [
            ("crates/host/tests/it/main.rs", "//! Tests.\n\n#![cfg(test)]\n\nmod calls;\n"),
            ("crates/host/tests/it/calls.rs", ""),
            ("crates/host/tests/apps/hello/app.rs", ""),
        ];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn further_binaries_are_found() {
        let found = lines_of(&CASE, &[("crates/host/tests/calls.rs", ""), ("crates/host/tests/slow/main.rs", "")]);
        assert_eq!(
            found,
            [
                "crates/host/tests/calls.rs:0: move it to crates/host/tests/it and add its `mod` line to crates/host/tests/it/main.rs",
                "crates/host/tests/slow/main.rs:0: make it a module of crates/host/tests/it/main.rs",
            ]
        );
    }

    #[test]
    fn an_unmarked_binary_is_found() {
        let found = lines_of(&CASE, &[("crates/host/tests/it/main.rs", "//! Tests.\n")]).concat();
        assert!(found.contains("write `#![cfg(test)]` below the header"), "{found}");
    }
}
