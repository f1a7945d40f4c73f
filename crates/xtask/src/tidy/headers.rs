//! Every Rust file opens with `//!`: what it is and what it leaves out, in one to five lines.

use anyhow::Result;

use super::{Case, Finding};
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "headers", rule: "every .rs file opens with one to five lines of `//!`", check };

const HEADER_LINES_MAX: usize = 5;

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let judged = tree.rust_files().filter_map(|file| {
        let header: Vec<&str> = file.text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let message = if header.iter().all(|line| line.trim().is_empty()) {
            "open the file with `//! …`: what it is, and what it leaves out".to_owned()
        } else if header.len() > HEADER_LINES_MAX {
            format!("the header has {} lines; say it in {HEADER_LINES_MAX} and move the rest to the item it is about", header.len())
        } else {
            return None;
        };
        Some(Finding::new(&file.path, 1, message))
    });
    Ok(judged.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn one_to_five_lines_pass() {
        let five = "//! a\n//!\n//! b\n//! c\n//! d\nfn x() {}\n";
        assert_eq!(lines_of(&CASE, &[("a.rs", "//! One.\n"), ("b.rs", five), ("c.toml", "")]), [""; 0]);
    }

    #[test]
    fn a_missing_empty_or_long_header_is_found() {
        let long = "//! a\n".repeat(6);
        let files = [("a.rs", "fn x() {}\n"), ("b.rs", "//!\n"), ("c.rs", "// no\n//! late\n"), ("d.rs", long.as_str())];
        let found = lines_of(&CASE, &files);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("d.rs:1: the header has 6 lines")), "{found:?}");
    }
}
