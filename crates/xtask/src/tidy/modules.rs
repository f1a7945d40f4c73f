//! Which Rust files a package reaches through `mod`, and which of them only under `#[cfg(test)]`. What `include!` or a
//! macro pulls in is not followed.

use std::collections::BTreeMap;

use crate::source::{Tree, is_cfg_test};

/// Every file that some crate root reaches, and whether tests alone reach it.
pub(super) fn reached(tree: &Tree) -> BTreeMap<String, bool> {
    let mut walk = Walk { tree, reached: BTreeMap::new() };
    for package in packages(tree) {
        for root in roots(tree, &package) {
            let folder = parent(&root).to_owned();
            walk.visit(&root, &folder, false);
        }
    }
    walk.reached
}

/// The folders that hold a package.
pub(super) fn packages(tree: &Tree) -> Vec<String> {
    let manifests = tree.files().iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    manifests.map(str::to_owned).collect()
}

/// Cargo's own places for crate roots, and those that the manifest names.
fn roots(tree: &Tree, package: &str) -> Vec<String> {
    let mut roots: Vec<String> = ["src/lib.rs", "src/main.rs", "build.rs"].iter().map(|root| format!("{package}/{root}")).collect();
    for folder in ["src/bin", "tests", "benches", "examples"] {
        let folder = format!("{package}/{folder}");
        roots.extend(tree.files_in(&folder).into_iter().map(|file| format!("{folder}/{file}")));
        roots.extend(tree.folders_in(&folder).into_iter().map(|name| format!("{folder}/{name}/main.rs")));
    }
    let manifest = tree.file(&format!("{package}/Cargo.toml")).and_then(|file| file.text.parse::<toml::Table>().ok());
    for (_, value) in manifest.unwrap_or_default() {
        let targets = value.as_array().map_or_else(|| vec![&value], |array| array.iter().collect());
        let paths = targets.into_iter().filter_map(|target| target.get("path").and_then(toml::Value::as_str));
        roots.extend(paths.map(|path| format!("{package}/{path}")));
    }
    roots.retain(|root| root.ends_with(".rs") && tree.file(root).is_some());
    roots
}

struct Walk<'tree> {
    tree: &'tree Tree,
    reached: BTreeMap<String, bool>,
}

impl Walk<'_> {
    /// Visits a file whose `mod x;` lines name files in `folder`.
    fn visit(&mut self, path: &str, folder: &str, test_only: bool) {
        match self.reached.get(path) {
            // Seen already, unless what only tests reached now turns out to ship.
            Some(false) => return,
            Some(true) if test_only => return,
            _ => {}
        }
        self.reached.insert(path.to_owned(), test_only);
        if let Some(syntax) = self.tree.file(path).and_then(|file| file.syntax()) {
            self.visit_items(&syntax.items, parent(path), folder, test_only);
        }
    }

    fn visit_items(&mut self, items: &[syn::Item], file_folder: &str, folder: &str, test_only: bool) {
        for item in items {
            let syn::Item::Mod(module) = item else {
                continue;
            };
            let test_only = test_only || is_cfg_test(&module.attrs);
            let name = module.ident.to_string();
            let name = name.trim_start_matches("r#");
            if let Some((_, items)) = &module.content {
                self.visit_items(items, file_folder, &format!("{folder}/{name}"), test_only);
                continue;
            }
            let candidates = match path_attribute(&module.attrs) {
                Some(path) => vec![normalize(&format!("{file_folder}/{path}"))],
                None => vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")],
            };
            for candidate in candidates {
                if self.tree.file(&candidate).is_some() {
                    let below = if candidate.ends_with("/mod.rs") {
                        parent(&candidate)
                    } else {
                        candidate.strip_suffix(".rs").unwrap_or(&candidate)
                    };
                    let below = below.to_owned();
                    self.visit(&candidate, &below, test_only);
                }
            }
        }
    }
}

fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("path")).find_map(|attribute| {
        let value = &attribute.meta.require_name_value().ok()?.value;
        match value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        }
    })
}

/// The path without its last part.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Resolves `.` and `..`; a path that climbs out of the repository becomes one that does not exist.
pub(super) fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_files_folders_and_inline_modules() {
        let tree = Tree::of(&[
            ("c/Cargo.toml", "[[bin]]\npath = \"tool/run.rs\""),
            ("c/src/lib.rs", "mod a; mod b; mod inline { mod deep; } #[cfg(test)] mod check; #[path = \"odd.rs\"] mod e;"),
            ("c/src/a.rs", "mod under;"),
            ("c/src/a/under.rs", ""),
            ("c/src/b/mod.rs", "mod beside;"),
            ("c/src/b/beside.rs", ""),
            ("c/src/inline/deep.rs", ""),
            ("c/src/check.rs", ""),
            ("c/src/odd.rs", ""),
            ("c/src/forgotten.rs", ""),
            ("c/tests/it/main.rs", "mod one;"),
            ("c/tests/it/one.rs", ""),
            ("c/tool/run.rs", ""),
        ]);
        let reached = reached(&tree);
        let shipped: Vec<&str> = reached.iter().filter(|(_, test)| !**test).map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            shipped,
            [
                "c/src/a.rs",
                "c/src/a/under.rs",
                "c/src/b/beside.rs",
                "c/src/b/mod.rs",
                "c/src/inline/deep.rs",
                "c/src/lib.rs",
                "c/src/odd.rs",
                "c/tests/it/main.rs",
                "c/tests/it/one.rs",
                "c/tool/run.rs",
            ]
        );
        assert_eq!(reached.get("c/src/check.rs"), Some(&true));
        assert_eq!(reached.get("c/src/forgotten.rs"), None);
    }

    #[test]
    fn dots_in_paths_resolve() {
        assert_eq!(normalize("docs/./a/../b.md"), "docs/b.md");
        assert_eq!(normalize("a/../../b.md"), "../b.md");
    }
}
