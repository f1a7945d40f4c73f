//! The table in ARCHITECTURE.md says what `HOUSE` says, and has a row for every crate that exists.

use std::collections::BTreeMap;

use anyhow::Result;

use super::house::{self, HOUSE};
use super::{Case, Finding};
use crate::source::{SourceFile, Tree};

pub(super) const CASE: Case = Case { name: "architecture", rule: "ARCHITECTURE.md has the row of every crate, as `HOUSE` has it", check };

const PAGE: &str = "ARCHITECTURE.md";

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let Some(page) = tree.file(PAGE) else {
        return Ok(Vec::new());
    };
    let rows = rows(page);
    let mut found = Vec::new();
    for (name, row) in &rows {
        if let Some(message) = difference(name, row) {
            found.push(Finding::new(PAGE, row.line, message));
        }
    }
    for name in tree.folders_in("crates").into_iter().filter(|name| !rows.contains_key(*name)) {
        found.push(Finding::new(PAGE, 0, format!("`crates/{name}` has no row in the table; add one")));
    }
    Ok(found)
}

/// One row as the page has it.
struct Row {
    line: usize,
    layer: String,
    may_use: String,
}

/// The rows of the page's table, `| layer | `crate` | what it is | may use |`, by crate; a row may name several.
fn rows(page: &SourceFile) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for (number, line) in page.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [layer, crates, _, may_use] = cells.as_slice() else {
            continue;
        };
        let is_layer = HOUSE.iter().any(|room| room.layer == *layer);
        if !line.trim_start().starts_with('|') || !is_layer {
            continue;
        }
        for name in crates.split(',').map(|name| name.trim().trim_matches('`')) {
            let row = Row { line: number, layer: (*layer).to_owned(), may_use: (*may_use).to_owned() };
            rows.insert(name.to_owned(), row);
        }
    }
    rows
}

fn difference(name: &str, row: &Row) -> Option<String> {
    let Some(room) = house::find(name) else {
        return Some(format!("`{name}` is not in `HOUSE` (tidy/house.rs); add it there with what it may use"));
    };
    if room.layer != row.layer {
        return Some(format!("`{name}` is in layer {} here and in layer {} in `HOUSE`; make them agree", row.layer, room.layer));
    }
    let mut written = names(&row.may_use)?;
    let mut known: Vec<&str> = room.may_use.to_vec();
    written.sort_unstable();
    known.sort_unstable();
    (written != known).then(|| format!("`{name}` may use {} here and {} in `HOUSE`; make them agree", list(&written), list(&known)))
}

/// The crates in a cell; none where the cell says it in words: `all above`, `dev only`, `nothing of ours`.
fn names(cell: &str) -> Option<Vec<&str>> {
    if matches!(cell, "–" | "-" | "—" | "") {
        return Some(Vec::new());
    }
    let names: Vec<&str> = cell.split(',').map(|name| name.trim().trim_matches('`')).collect();
    names.iter().all(|name| !name.contains(' ')).then_some(names)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { format!("`{}`", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    const HEAD: &str = "# Architecture\n\n| layer | crate | what it is | may use |\n|---|---|---|---|\n";

    fn found(rows: &str, folder: &str) -> Vec<String> {
        lines_of(&CASE, &[(PAGE, &format!("{HEAD}{rows}")), (&format!("crates/{folder}/Cargo.toml"), "")])
    }

    #[test]
    fn an_agreeing_table_passes() {
        let rows = "| 0 | `base` | clock | – |\n| 4 | `triggers` | wakes | app, `host` |\n| 8 | `cli` | program | all above |\n\
            | dev | `testkit`, `bench` | tools | dev only |\n";
        assert_eq!(found(rows, "testkit"), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(
            found("| 0 | `base` | clock | – |\n", "engine"),
            ["ARCHITECTURE.md:0: `crates/engine` has no row in the table; add one"]
        );
    }

    #[test]
    fn another_layer_or_another_edge_is_found() {
        let layer = found("| 2 | `engine` | runs | base |\n", "engine");
        assert_eq!(layer, ["ARCHITECTURE.md:5: `engine` is in layer 2 here and in layer 1 in `HOUSE`; make them agree"]);
        let edge = found("| 1 | `engine` | runs | base, app |\n", "engine");
        assert_eq!(edge, ["ARCHITECTURE.md:5: `engine` may use `app, base` here and `base` in `HOUSE`; make them agree"]);
    }
}
