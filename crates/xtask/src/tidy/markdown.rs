//! Every page has one title, and its links to other files of the repository lead somewhere.

use anyhow::Result;

use super::modules::{normalize, parent};
use super::{Case, Finding};
use crate::source::{SourceFile, Tree};

pub(super) const CASE: Case = Case { name: "markdown", rule: "a Markdown page has one `# Title` and no dead relative link", check };

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.files().iter().filter(|file| file.path.ends_with(".md")) {
        found.extend(wrong_title(file));
        for (line, target) in links(file) {
            if let Some(message) = dead(tree, &file.path, &target) {
                found.push(Finding::new(&file.path, line, message));
            }
        }
    }
    Ok(found)
}

fn wrong_title(file: &SourceFile) -> Option<Finding> {
    let titles: Vec<usize> = prose(file).filter(|(_, line)| line.starts_with("# ")).map(|(number, _)| number).collect();
    match titles.as_slice() {
        [_] => None,
        [] => Some(Finding::new(&file.path, 1, "the page has no title; open it with `# Title`")),
        [_, second, ..] => Some(Finding::new(&file.path, *second, "the page has a second title; make it a section, `## …`, or a page")),
    }
}

/// The lines outside fenced code.
fn prose(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = "";
    file.lines().filter(move |(_, line)| {
        let line = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark));
        match mark {
            Some(mark) if fence.is_empty() => {
                fence = mark;
                false
            }
            Some(mark) if fence == mark => {
                fence = "";
                false
            }
            _ => fence.is_empty(),
        }
    })
}

/// The targets of `[text](target)`, `![text](target)` and `[label]: target`, with their lines.
fn links(file: &SourceFile) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(file) {
        let line = without_code(line);
        let reference = line.split_once("]: ").filter(|(label, _)| label.starts_with('[')).map(|(_, target)| target);
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        links.extend(reference.into_iter().chain(inline).map(|target| (number, without_title(target))));
    }
    links
}

/// `page.md` of `page.md "title"` and of `<page.md>`.
fn without_title(target: &str) -> String {
    let target = target.split_whitespace().next().unwrap_or_default();
    target.trim_matches(['<', '>']).to_owned()
}

/// The line without its `code` spans: what looks like a link in them is an example.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("")
}

/// What to do about a link that leads nowhere. Links to the web and within a page are not looked at.
fn dead(tree: &Tree, page: &str, target: &str) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    if path.is_empty() || path.contains(':') {
        return None;
    }
    let resolved = match path.strip_prefix('/') {
        Some(from_root) => normalize(from_root),
        None => normalize(&format!("{}/{path}", parent(page))),
    };
    let leads_somewhere = resolved.is_empty() || tree.exists(&resolved);
    (!leads_somewhere).then(|| format!("the link to `{target}` leads nowhere (there is no `{resolved}`); correct it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn one_title_and_live_links_pass() {
        let page = "# Page\n[a](b.md#part) [c](../README.md) [d](https://x/y.md) [e](#here) ![f](img.png \"title\")\n\
            [up](..) `[no](where.md)`\n\n[ref]: b.md\n```\n# a comment\n[x](none.md)\n```\n";
        let files = [("docs/page.md", page), ("docs/b.md", "# B\n"), ("README.md", "# R\n[docs](docs)\n"), ("docs/img.png", "")];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn missing_and_second_titles_are_found() {
        let found = lines_of(&CASE, &[("a.md", "text\n"), ("b.md", "# One\n\n# Two\n")]);
        assert_eq!(
            found,
            [
                "a.md:1: the page has no title; open it with `# Title`",
                "b.md:3: the page has a second title; make it a section, `## …`, or a page",
            ]
        );
    }

    #[test]
    fn dead_links_are_found() {
        let found = lines_of(&CASE, &[("docs/a.md", "# A\n[x](gone.md) [y](/docs/a.md)\n[r]: ../lost.md\n")]);
        assert_eq!(
            found,
            [
                "docs/a.md:2: the link to `gone.md` leads nowhere (there is no `docs/gone.md`); correct it",
                "docs/a.md:3: the link to `../lost.md` leads nowhere (there is no `lost.md`); correct it",
            ]
        );
    }
}
