//! `cargo xtask tidy`: the rules of this repository that a machine can check.

use std::process::ExitCode;

use super::{Command, expect_no_args};
use crate::shell::{complain, say};
use crate::source::Tree;
use crate::tidy::{CASES, findings};

pub(super) const COMMAND: Command = Command {
    name: "tidy",
    usage: "",
    about: "check layers, lengths, names, headers, links, version floors and the other house rules",
    run: |root, args| {
        expect_no_args(&COMMAND, args)?;
        let tree = Tree::read(root)?;
        let found = findings(&tree)?;
        for finding in &found {
            complain(&finding.to_string());
        }
        if found.is_empty() {
            say(&format!("tidy: {} rules hold over {} files", CASES.len(), tree.files().len()));
            return Ok(ExitCode::SUCCESS);
        }
        complain(&format!("tidy found {} thing(s) to change", found.len()));
        Ok(ExitCode::FAILURE)
    },
};
