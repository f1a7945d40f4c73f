//! Names say what a thing is. Words that fit anything are banned, and each has a way out; bounds come last in a name.

use anyhow::Result;
use syn::visit::{self, Visit};

use super::{Case, Finding};
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "names", rule: "names are concrete nouns; units and bounds come last", check };

/// A word, where in a type's name it is banned, and what to write instead.
const TYPE_WORDS: &[(&str, Place, &str)] = &[
    ("Manager", Place::Anywhere, "name what it holds or does: `Pool`, `Cache`, `Placement`"),
    ("Helper", Place::Anywhere, "name what it does, or make it a function beside its caller"),
    ("Util", Place::Anywhere, "name what it does, or make it a function beside its caller"),
    ("Utils", Place::Anywhere, "name what it does, or make it a function beside its caller"),
    ("Impl", Place::Last, "name what sets this implementation apart: `SqliteStore`, `MemoryStore`"),
    ("Base", Place::Last, "name the part that is shared"),
];

const MODULE_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

#[derive(Clone, Copy)]
enum Place {
    Anywhere,
    Last,
}

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.rust_files() {
        if let Some(syntax) = file.syntax() {
            Names { path: &file.path, found: &mut found }.visit_file(syntax);
        }
    }
    Ok(found)
}

struct Names<'a> {
    path: &'a str,
    found: &'a mut Vec<Finding>,
}

impl Names<'_> {
    fn report(&mut self, ident: &syn::Ident, message: String) {
        self.found.push(Finding::new(self.path, ident.span().start().line, message));
    }

    fn judge_type(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        let words = words(&name);
        for (banned, place, instead) in TYPE_WORDS {
            let is_banned = match place {
                Place::Anywhere => words.contains(banned),
                Place::Last => words.len() > 1 && words.last() == Some(banned),
            };
            if is_banned {
                self.report(ident, format!("`{name}` contains `{banned}`, which fits anything; {instead}"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.judge_type(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.judge_type(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.judge_type(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.judge_type(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        if MODULE_NAMES.contains(&name.as_str()) {
            self.report(&item.ident, format!("a module `{name}` collects anything; name the concept it holds"));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(ident) = &field.ident {
            let name = ident.to_string();
            for bound in ["max", "min"] {
                if let Some(rest) = name.strip_prefix(bound).and_then(|rest| rest.strip_prefix('_')) {
                    self.report(ident, format!("put the bound of `{name}` last: `{rest}_{bound}`"));
                }
            }
        }
        visit::visit_field(self, field);
    }
}

/// `HttpStoreImpl` → `Http`, `Store`, `Impl`.
fn words(name: &str) -> Vec<&str> {
    let starts: Vec<usize> = name.char_indices().filter(|(_, c)| c.is_uppercase()).map(|(index, _)| index).collect();
    let ends = starts.iter().skip(1).copied().chain([name.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| name.get(*start..end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn concrete_names_pass() {
        let text = "mod store; struct Managed { body_bytes_max: u64, maximum: u8 } enum Implementation {} trait Database {}\
            struct Base;";
        assert_eq!(lines_of(&CASE, &[("a.rs", text)]), [""; 0]);
    }

    #[test]
    fn banned_words_are_found_with_their_remedy() {
        let text = "struct StoreManager;\nenum HttpUtils {}\ntrait HelperOf {}\ntype StoreImpl = u8;\nmod utils {}\n";
        let found = lines_of(&CASE, &[("a.rs", text)]);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(
            found.first().map(String::as_str),
            Some(
                "a.rs:1: `StoreManager` contains `Manager`, which fits anything; name what it holds or does: `Pool`, `Cache`, `Placement`"
            )
        );
    }

    #[test]
    fn a_bound_in_front_is_found() {
        let found = lines_of(&CASE, &[("a.rs", "struct Limits {\n    max_body_bytes: u64,\n}\n")]);
        assert_eq!(found, ["a.rs:2: put the bound of `max_body_bytes` last: `body_bytes_max`"]);
    }
}
