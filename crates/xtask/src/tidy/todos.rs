//! Work that is left over has an issue: a note in the code without one is forgotten.

use anyhow::Result;

use super::{Case, Finding};
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "todos", rule: "a note of work to do names its issue", check };

/// Put together here, so that this file does not find itself.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

const EXTENSIONS: &[&str] = &[".rs", ".toml", ".wit", ".sh", ".ci/run", ".yaml", ".yml", ".sql"];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.files() {
        if !EXTENSIONS.iter().any(|extension| file.path.ends_with(extension)) {
            continue;
        }
        for (number, line) in file.lines() {
            for mark in MARKS.iter().filter(|mark| is_open(line, mark)) {
                let message = format!("do it now, or file an issue and write `{mark}(#123): …`");
                found.push(Finding::new(&file.path, number, message));
            }
        }
    }
    Ok(found)
}

/// Whether the line has the mark as a word of its own without the number of an issue behind it.
fn is_open(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(start, _)| {
        let before = line.get(..start).and_then(|before| before.chars().next_back());
        let after = line.get(start + mark.len()..).unwrap_or_default();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let stands_alone = !before.is_some_and(is_word) && !after.starts_with(is_word);
        stands_alone && !has_issue(after)
    })
}

fn has_issue(after: &str) -> bool {
    let Some(rest) = after.strip_prefix("(#") else {
        return false;
    };
    rest.split_once(')').is_some_and(|(number, _)| number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn a_mark_with_an_issue_passes() {
        let text = format!("// {}(#12): later\nlet {}S = 1;\n", MARKS[0], MARKS[0]);
        assert_eq!(lines_of(&CASE, &[("a.rs", &text)]), [""; 0]);
    }

    #[test]
    fn a_mark_without_an_issue_is_found() {
        for mark in MARKS {
            let text = format!("fn x() {{}}\n// {mark}: later\n// {mark}(soon)\n");
            let found = lines_of(&CASE, &[("a.rs", &text)]);
            assert_eq!(found.len(), 2, "{found:?}");
            assert_eq!(found[0], format!("a.rs:2: do it now, or file an issue and write `{mark}(#123): …`"));
        }
    }
}
