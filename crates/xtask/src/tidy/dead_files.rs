//! Every Rust file of a package is part of it: a file that no `mod` line reaches is never compiled, so it only rots.

use anyhow::Result;

use super::modules::{packages, reached};
use super::{Case, Finding};
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "dead_files", rule: "every .rs file is reached by `mod`", check };

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let reached = reached(tree);
    let packages = packages(tree);
    let belongs_to_package = |path: &str| {
        packages
            .iter()
            .any(|package| path.strip_prefix(package.as_str()).is_some_and(|rest| rest.starts_with("/src/") || rest.starts_with("/tests/")))
    };
    let dead = tree.rust_files().filter(|file| belongs_to_package(&file.path) && !reached.contains_key(&file.path));
    Ok(dead.map(|file| Finding::new(&file.path, 0, "no `mod` line reaches this file; add the line or delete the file")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn a_reached_file_passes() {
        let files = [("c/Cargo.toml", ""), ("c/src/lib.rs", "mod a;"), ("c/src/a.rs", ""), ("notes/x.rs", "")];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn a_file_without_a_mod_line_is_found() {
        let files = [("c/Cargo.toml", ""), ("c/src/lib.rs", "// mod a;"), ("c/src/a.rs", "")];
        assert_eq!(lines_of(&CASE, &files), ["c/src/a.rs:0: no `mod` line reaches this file; add the line or delete the file"]);
    }
}
