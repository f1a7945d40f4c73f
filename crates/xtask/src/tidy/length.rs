//! A file has at most 400 lines, a function 70; tests do not count. What is longer has an entry with a reason in
//! `ratchet.toml`, and an entry may only shrink.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::modules::reached;
use super::{Case, Finding};
use crate::source::{SourceFile, Tree, is_cfg_test};

pub(super) const CASE: Case = Case { name: "length", rule: "a file has at most 400 lines without tests, a function 70", check };

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const RATCHET: &str = "crates/xtask/ratchet.toml";

/// The exceptions: `path` is a file, or a file and a function as `a/b.rs::Type::name`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Ratchet {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    limit: usize,
    reason: String,
}

/// The length of one file or function.
struct Measure {
    path: String,
    line: usize,
    lines: usize,
    lines_max: usize,
}

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let ratchet = match tree.file(RATCHET) {
        Some(file) => toml::from_str(&file.text).with_context(|| format!("could not read {RATCHET}"))?,
        None => Ratchet::default(),
    };
    let reached = reached(tree);
    let mut measures = BTreeMap::new();
    for file in tree.rust_files().filter(|file| !file.is_test() && reached.get(&file.path) != Some(&true)) {
        measure(file, &mut measures);
    }
    Ok(judge(&measures, &ratchet))
}

/// Adds the file and each of its functions, by the name that an entry would use.
fn measure(file: &SourceFile, measures: &mut BTreeMap<String, Measure>) {
    let Some(syntax) = file.syntax() else { return };
    let tests: usize = syntax.items.iter().filter_map(test_module).map(line_count).sum();
    let lines = file.text.lines().count() - tests;
    measures.insert(file.path.clone(), Measure { path: file.path.clone(), line: 0, lines, lines_max: FILE_LINES_MAX });
    let mut functions = Functions { file: &file.path, owner: None, measures };
    functions.visit_file(syntax);
}

fn test_module(item: &syn::Item) -> Option<&syn::ItemMod> {
    match item {
        syn::Item::Mod(module) if is_cfg_test(&module.attrs) => Some(module),
        _ => None,
    }
}

fn line_count(item: &impl syn::spanned::Spanned) -> usize {
    let span = item.span();
    span.end().line - span.start().line + 1
}

/// Walks a file's functions, but not its tests.
struct Functions<'a> {
    file: &'a str,
    /// The type whose `impl` or the trait we are in.
    owner: Option<String>,
    measures: &'a mut BTreeMap<String, Measure>,
}

impl Functions<'_> {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let line = signature.span().start().line;
        let lines = block.span().end().line - line + 1;
        let owner = self.owner.as_ref().map(|owner| format!("{owner}::")).unwrap_or_default();
        let key = format!("{}::{owner}{}", self.file, signature.ident);
        let measure = Measure { path: self.file.to_owned(), line, lines, lines_max: FUNCTION_LINES_MAX };
        // Two of one name (an `impl` for each trait): the longer one stands for both.
        let longest = self.measures.get(&key).is_none_or(|known| known.lines < lines);
        if longest {
            self.measures.insert(key, measure);
        }
    }

    fn within(&mut self, owner: String, walk: impl FnOnce(&mut Self)) {
        let outer = self.owner.replace(owner);
        walk(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_cfg_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.within(owner.unwrap_or_default(), |this| visit::visit_item_impl(this, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.within(item.ident.to_string(), |this| visit::visit_item_trait(this, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn judge(measures: &BTreeMap<String, Measure>, ratchet: &Ratchet) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, measure) in measures {
        let Measure { path, line, lines, lines_max } = measure;
        if lines > lines_max && !ratchet.entry.iter().any(|entry| entry.path == *key) {
            let name = key.strip_prefix(path).unwrap_or_default().trim_start_matches("::");
            let what = if name.is_empty() { "the file".to_owned() } else { format!("`{name}`") };
            let message = format!("{what} has {lines} lines; split it into parts of at most {lines_max}");
            found.push(Finding::new(path, *line, message));
        }
    }
    for entry in &ratchet.entry {
        if let Some(message) = complaint(entry, measures.get(&entry.path)) {
            found.push(Finding::new(RATCHET, 0, message));
        }
    }
    found
}

/// What is wrong with an entry. It holds the exact length, so that it follows every line that goes.
fn complaint(entry: &Entry, measure: Option<&Measure>) -> Option<String> {
    let Entry { path, limit, reason } = entry;
    let Some(Measure { lines, lines_max, .. }) = measure else {
        return Some(format!("`{path}` does not exist; remove its entry"));
    };
    if lines <= lines_max {
        Some(format!("`{path}` has {lines} lines and needs no entry any more; remove it"))
    } else if lines > limit {
        Some(format!("`{path}` grew from {limit} to {lines} lines; an entry may only shrink, so move something out"))
    } else if lines < limit {
        Some(format!("`{path}` shrank to {lines} lines; lower its limit from {limit}"))
    } else if reason.trim().is_empty() {
        Some(format!("`{path}` has no reason; say why it may be longer"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    fn function(lines: usize) -> String {
        format!("//! x\nfn long() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    fn entry(path: &str, limit: usize) -> String {
        format!("[[entry]]\npath = \"{path}\"\nlimit = {limit}\nreason = \"a table\"\n")
    }

    #[test]
    fn lengths_at_the_limit_pass() {
        let file = "// line\n".repeat(400);
        assert_eq!(lines_of(&CASE, &[("a.rs", &function(70)), ("b.rs", &file)]), [""; 0]);
    }

    #[test]
    fn tests_do_not_count() {
        let inside = format!("fn x() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "// line\n".repeat(500));
        let beside = format!("fn y() {{\n{}}}\n", "// line\n".repeat(500));
        let files = [
            ("c/Cargo.toml", ""),
            ("c/src/lib.rs", "#[cfg(test)] mod cases; mod inner;"),
            ("c/src/cases.rs", beside.as_str()),
            ("c/src/inner.rs", inside.as_str()),
            ("c/tests/it/main.rs", beside.as_str()),
        ];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn a_long_file_and_a_long_function_are_found() {
        let found = lines_of(&CASE, &[("a.rs", &function(71)), ("b.rs", &"// line\n".repeat(401))]);
        assert_eq!(
            found,
            [
                "a.rs:2: `long` has 71 lines; split it into parts of at most 70",
                "b.rs:0: the file has 401 lines; split it into parts of at most 400",
            ]
        );
    }

    #[test]
    fn a_method_is_named_with_its_type() {
        let text = format!("impl A {{ fn b(&self) {{\n{}}} }}\n", "x();\n".repeat(80));
        let found = lines_of(&CASE, &[("a.rs", &text)]);
        assert_eq!(found, ["a.rs:1: `A::b` has 82 lines; split it into parts of at most 70"]);
    }

    #[test]
    fn an_exact_entry_excuses() {
        assert_eq!(lines_of(&CASE, &[("a.rs", &function(71)), (RATCHET, &entry("a.rs::long", 71))]), [""; 0]);
    }

    #[test]
    fn an_entry_may_only_shrink() {
        let found = |limit| lines_of(&CASE, &[("a.rs", &function(80)), (RATCHET, &entry("a.rs::long", limit))]);
        assert!(found(75).concat().contains("grew from 75 to 80 lines"), "{:?}", found(75));
        assert!(found(90).concat().contains("shrank to 80 lines; lower its limit from 90"), "{:?}", found(90));
    }

    #[test]
    fn an_entry_that_excuses_nothing_is_found() {
        let short = lines_of(&CASE, &[("a.rs", &function(20)), (RATCHET, &entry("a.rs::long", 80))]);
        assert!(short.concat().contains("needs no entry any more"), "{short:?}");
        let gone = lines_of(&CASE, &[(RATCHET, &entry("gone.rs", 500))]);
        assert!(gone.concat().contains("`gone.rs` does not exist"), "{gone:?}");
    }
}
