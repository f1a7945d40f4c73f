//! A capability, a trigger, a manifest format and a command are each a folder (or file) and a line in a list. What is not
//! in its list does not exist for the program; what is in `capabilities` has a contract, a page and a test.

use anyhow::Result;

use super::{Case, Finding};
use crate::source::{SourceFile, Tree};

pub(super) const CASE: Case = Case { name: "lists", rule: "what stands in a listed folder is in its list, documented and tested", check };

/// A folder whose members are all named in one constant.
struct List {
    folder: &'static str,
    /// The file with the constant, and its name.
    file: &'static str,
    constant: &'static str,
    members: Members,
}

#[derive(Clone, Copy, PartialEq)]
enum Members {
    /// Each folder is a member; files beside them are what they share.
    Folders,
    /// Each file and each folder is a member, but the front.
    FilesAndFolders,
}

const LISTS: &[List] = &[
    List { folder: "crates/capabilities/src", file: "crates/capabilities/src/lib.rs", constant: "ALL", members: Members::Folders },
    List { folder: "crates/triggers/src", file: "crates/triggers/src/lib.rs", constant: "ALL", members: Members::Folders },
    List { folder: "crates/app/src/formats", file: "crates/app/src/formats/mod.rs", constant: "ALL", members: Members::Folders },
    List {
        folder: "crates/cli/src/commands",
        file: "crates/cli/src/commands/mod.rs",
        constant: "COMMANDS",
        members: Members::FilesAndFolders,
    },
    List {
        folder: "crates/xtask/src/commands",
        file: "crates/xtask/src/commands/mod.rs",
        constant: "COMMANDS",
        members: Members::FilesAndFolders,
    },
    List { folder: "crates/bench/src/cases", file: "crates/bench/src/cases/mod.rs", constant: "CASES", members: Members::FilesAndFolders },
];

const CAPABILITIES: &str = "crates/capabilities";

/// What capabilities share and is too long for one file beside them.
const SHARED: &[&str] = &["backend", "egress", "redis_connection", "resolver"];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found: Vec<Finding> = LISTS.iter().flat_map(|list| unlisted(tree, list)).collect();
    for name in tree.folders_in(&format!("{CAPABILITIES}/src")).into_iter().filter(|name| !SHARED.contains(name)) {
        found.extend(incomplete_capability(tree, name));
    }
    Ok(found)
}

fn unlisted(tree: &Tree, list: &List) -> Vec<Finding> {
    let mut members: Vec<&str> = tree.folders_in(list.folder).into_iter().filter(|name| !SHARED.contains(name)).collect();
    if list.members == Members::FilesAndFolders {
        let files = tree.files_in(list.folder).into_iter().filter_map(|file| file.strip_suffix(".rs"));
        members.extend(files.filter(|file| *file != "mod"));
    }
    if members.is_empty() {
        return Vec::new();
    }
    let (file, constant) = (list.file, list.constant);
    let Some(names) = tree.file(file).and_then(|file| names_in(file, constant)) else {
        let message = format!("there is no `{constant}`; it lists what stands in {}", list.folder);
        return vec![Finding::new(file, 0, message)];
    };
    let missing = members.into_iter().filter(|member| !names.iter().any(|name| name == member));
    missing
        .map(|member| Finding::new(file, 0, format!("`{member}` is not in `{constant}`; add its line or remove {}/{member}", list.folder)))
        .collect()
}

/// Every identifier in the value of a constant or static at the top of a file.
fn names_in(file: &SourceFile, constant: &str) -> Option<Vec<String>> {
    let value = file.syntax()?.items.iter().find_map(|item| match item {
        syn::Item::Const(item) if item.ident == constant => Some(&item.expr),
        syn::Item::Static(item) if item.ident == constant => Some(&item.expr),
        _ => None,
    })?;
    let mut names = Names(Vec::new());
    syn::visit::visit_expr(&mut names, value);
    Some(names.0)
}

struct Names(Vec<String>);

impl<'ast> syn::visit::Visit<'ast> for Names {
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.0.push(ident.to_string().trim_start_matches("r#").to_owned());
    }
}

/// What a capability lacks: its WIT, its section in the documentation, a test.
fn incomplete_capability(tree: &Tree, name: &str) -> Vec<Finding> {
    let folder = format!("{CAPABILITIES}/src/{name}");
    let front = format!("{folder}/mod.rs");
    let mut found = Vec::new();
    let mut lacks = |message: String| found.push(Finding::new(&front, 0, message));
    let Some(file) = tree.file(&front) else {
        lacks(format!("`{name}` has no front; describe it in {front}"));
        return found;
    };
    if !has_wit(tree, &folder) && !names_upstream(file) {
        lacks(format!(
            "`{name}` has no .wit; put what the guest sees beside it, or name the crate that has it (`wasmtime-wasi`) in the header"
        ));
    }
    if tree.has_folder("docs/capabilities") || tree.exists("docs/capabilities.md") {
        let has_section = |file: &SourceFile| {
            file.path.starts_with("docs/capabilities")
                && file.text.lines().filter(|line| line.starts_with(['#', '|'])).any(|line| mentions(line, name))
        };
        if !tree.files().iter().any(has_section) {
            lacks(format!("`{name}` has no section in docs/capabilities; write what it grants, with an example"));
        }
    }
    let is_tested = |file: &SourceFile| {
        let beside = file.path.starts_with(&format!("{folder}/")) && file.text.contains("#[test]");
        let beside = beside || file.path.starts_with(&format!("{folder}/")) && file.text.contains("::test]");
        beside || (file.is_test() && file.path.starts_with("crates/") && file.text.contains(name))
    };
    if !tree.rust_files().any(is_tested) {
        lacks(format!("`{name}` has no test; add one to {CAPABILITIES}/tests/it"));
    }
    found
}

/// Whether `line`, a heading or a row of interfaces, has `name`, however its words are joined.
fn mentions(line: &str, name: &str) -> bool {
    let joined = |text: &str| text.chars().filter(|character| character.is_alphanumeric()).collect::<String>().to_lowercase();
    joined(line).contains(&joined(name))
}

fn has_wit(tree: &Tree, folder: &str) -> bool {
    tree.files().iter().any(|file| file.path.starts_with(&format!("{folder}/")) && file.path.ends_with(".wit"))
}

/// Whether the header or a doc comment says which crate has the WIT.
fn names_upstream(front: &SourceFile) -> bool {
    front.lines().any(|(_, line)| line.trim_start().starts_with("//") && line.contains("wasmtime-wasi"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    const LIB: &str = "pub static ALL: &[&dyn Capability] = &[&key_value::KeyValue];";

    #[test]
    fn a_listed_documented_and_tested_capability_passes() {
        let files = [
            ("crates/capabilities/src/lib.rs", LIB),
            ("crates/capabilities/src/egress.rs", ""),
            ("crates/capabilities/src/key_value/mod.rs", "//! Stores."),
            ("crates/capabilities/src/key_value/world.wit", ""),
            ("crates/capabilities/tests/it/main.rs", "fn key_value() {}"),
            ("docs/capabilities.md", "# Capabilities\n\n## Key-value\n"),
        ];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn a_folder_that_is_not_in_its_list_is_found() {
        let files = [("crates/triggers/src/lib.rs", "const ALL: &[T] = &[http::T];"), ("crates/triggers/src/queue/mod.rs", "")];
        assert_eq!(
            lines_of(&CASE, &files),
            ["crates/triggers/src/lib.rs:0: `queue` is not in `ALL`; add its line or remove crates/triggers/src/queue"]
        );
    }

    #[test]
    fn a_folder_without_a_list_is_found() {
        let found = lines_of(&CASE, &[("crates/cli/src/commands/up.rs", ""), ("crates/cli/src/commands/mod.rs", "")]);
        assert_eq!(found, ["crates/cli/src/commands/mod.rs:0: there is no `COMMANDS`; it lists what stands in crates/cli/src/commands"]);
    }

    #[test]
    fn a_bare_capability_is_told_what_it_lacks() {
        let files = [
            ("crates/capabilities/src/lib.rs", LIB),
            ("crates/capabilities/src/key_value/mod.rs", "//! Stores."),
            ("docs/capabilities/index.md", "# Capabilities\n"),
        ];
        let found = lines_of(&CASE, &files).join("\n");
        for lack in ["has no .wit", "has no section in docs/capabilities", "has no test"] {
            assert!(found.contains(lack), "{found}");
        }
    }

    #[test]
    fn wit_of_an_upstream_crate_is_enough() {
        let tree = Tree::of(&[("crates/capabilities/src/clocks/mod.rs", "//! Clocks; the WIT is in `wasmtime-wasi`.")]);
        let found = incomplete_capability(&tree, "clocks");
        assert!(!found.iter().any(|finding| finding.message.contains(".wit")), "{found:?}");
    }
}
