//! What someone meant to remove: unfinished code, debug prints, tests that are switched off or that wait for a time.

use anyhow::Result;
use syn::visit::{self, Visit};

use super::{Case, Finding};
use crate::source::{Tree, is_cfg_test};

pub(super) const CASE: Case = Case { name: "leftovers", rule: "no unfinished code, debug prints, disabled or sleeping tests", check };

const MACROS: &[(&str, &str)] = &[
    ("todo", "write the code, or return an error that says what is missing"),
    ("unimplemented", "write the code, or return an error that says what is missing"),
    ("dbg", "remove it, or use `tracing::debug!`"),
];

const ATTRIBUTES: &[(&str, &str)] =
    &[("ignore", "make the test pass everywhere, or delete it"), ("should_panic", "catch the error and check what it says")];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.rust_files() {
        let Some(syntax) = file.syntax() else {
            continue;
        };
        let in_tests = file.is_test() && !file.is_guest();
        Leftovers { path: &file.path, in_tests, found: &mut found }.visit_file(syntax);
    }
    Ok(found)
}

struct Leftovers<'a> {
    path: &'a str,
    in_tests: bool,
    found: &'a mut Vec<Finding>,
}

impl Leftovers<'_> {
    fn report(&mut self, ident: &syn::Ident, message: String) {
        self.found.push(Finding::new(self.path, ident.span().start().line, message));
    }
}

impl<'ast> Visit<'ast> for Leftovers<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let outer = self.in_tests;
        self.in_tests |= is_cfg_test(&module.attrs);
        visit::visit_item_mod(self, module);
        self.in_tests = outer;
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        if let Some(last) = invocation.path.segments.last() {
            let known = MACROS.iter().find(|(name, _)| last.ident == name);
            if let Some((name, instead)) = known {
                self.report(&last.ident, format!("`{name}!` is a leftover; {instead}"));
            }
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let Some(ident) = attribute.path().get_ident() {
            let known = ATTRIBUTES.iter().find(|(name, _)| ident == name);
            if let Some((name, instead)) = known {
                self.report(ident, format!("`#[{name}]` hides what a test would say; {instead}"));
            }
        }
    }

    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        let names: Vec<&syn::Ident> = expression.path.segments.iter().map(|segment| &segment.ident).collect();
        if let ([.., module, name], true) = (names.as_slice(), self.in_tests)
            && *module == "thread"
            && *name == "sleep"
        {
            self.report(name, "a test must not sleep; wait for a condition with a limit, or pause the clock".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    #[test]
    fn finished_code_passes() {
        let text = "fn x() { std::thread::sleep(y); println!(\"todo\"); }\n#[test]\nfn z() { assert!(true); }\n";
        assert_eq!(lines_of(&CASE, &[("a.rs", text)]), [""; 0]);
    }

    #[test]
    fn leftovers_are_found() {
        let text = "fn x() { todo!() }\nfn y() { let a = std::dbg!(1); unimplemented!() }\n\
            #[test]\n#[ignore]\nfn z() {}\n#[should_panic(expected = \"x\")]\nfn w() {}\n";
        let found = lines_of(&CASE, &[("a.rs", text)]);
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[0], "a.rs:1: `todo!` is a leftover; write the code, or return an error that says what is missing");
    }

    #[test]
    fn a_sleeping_test_is_found() {
        let text = "#[cfg(test)]\nmod tests { fn x() { std::thread::sleep(y); } }\n";
        assert_eq!(lines_of(&CASE, &[("a.rs", text)]).len(), 1);
        assert_eq!(lines_of(&CASE, &[("c/tests/it/main.rs", "fn x() { thread::sleep(y); }")]).len(), 1);
    }
}
