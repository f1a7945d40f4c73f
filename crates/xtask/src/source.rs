//! The repository as text: which files it has, what they say, and their syntax where they are Rust.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell::capture;

/// The folder of the workspace: two above this crate.
pub(crate) fn root() -> Result<PathBuf> {
    match Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2) {
        Some(root) => Ok(root.to_owned()),
        None => {
            bail!("the task runner is not two folders below the workspace; run it as `cargo xtask`")
        }
    }
}

/// Where guests and the shipped binary go. Tests look for guests here, so `CARGO_TARGET_DIR` does not move it.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    root.join("target")
}

/// Every file that is in the repository or about to be, by its path from the root with `/` between the parts.
pub(crate) struct Tree {
    root: PathBuf,
    files: Vec<SourceFile>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads what git tracks and what it would track; ignored files are nobody's concern.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { root: root.to_owned(), files: Vec::new(), paths: BTreeSet::new() };
        for path in if root.join(".git").exists() { listed_by_git(root)? } else { walked(root)? } {
            // A file that was deleted but not yet committed is still listed.
            let Ok(bytes) = std::fs::read(root.join(&path)) else { continue };
            if let Ok(text) = String::from_utf8(bytes) {
                tree.files.push(SourceFile::new(&path, text));
            }
            tree.paths.insert(path);
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree of nothing but the given files.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self {
            root: PathBuf::new(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            files: files.iter().map(|(path, text)| SourceFile::new(path, (*text).to_owned())).collect(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Every text file.
    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or folder of this name exists, text or not.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.paths.contains(path) || self.has_folder(path)
    }

    pub(crate) fn has_folder(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        self.paths.range(prefix.clone()..).next().is_some_and(|next| next.starts_with(&prefix))
    }

    /// The names directly below `folder` that are folders themselves.
    pub(crate) fn folders_in(&self, folder: &str) -> BTreeSet<&str> {
        self.below(folder).filter_map(|rest| rest.split_once('/')).map(|(name, _)| name).collect()
    }

    /// The names directly below `folder` that are files.
    pub(crate) fn files_in(&self, folder: &str) -> BTreeSet<&str> {
        self.below(folder).filter(|rest| !rest.contains('/')).collect()
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{folder}/");
        self.paths.iter().filter_map(move |path| path.strip_prefix(prefix.as_str()))
    }
}

fn listed_by_git(root: &Path) -> Result<Vec<String>> {
    let mut list = Command::new("git");
    // CI often checks out as one user and builds as another, which git refuses unless told that the folder is meant.
    list.arg("-c").arg(format!("safe.directory={}", root.display())).arg("-C").arg(root);
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listing = capture(&mut list).context("tidy reads the files that git knows, and could not list them")?;
    Ok(listing.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Folders that builds and runs leave behind; `.gitignore` names them too.
const LEFT_BEHIND: &[&str] = &["target", ".coracle", ".spin"];

/// Every file below `root`, for a copy of the repository that came without git.
fn walked(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        let unreadable = || format!("could not list {}", root.join(&folder).display());
        for entry in std::fs::read_dir(root.join(&folder)).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            match entry.file_type().with_context(unreadable)? {
                kind if kind.is_dir() && !LEFT_BEHIND.contains(&name.as_str()) => open.push(path),
                kind if kind.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    Ok(files)
}

/// One text file.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
    syntax: OnceCell<Option<syn::File>>,
}

impl SourceFile {
    fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, syntax: OnceCell::new() }
    }

    /// Its syntax tree; none for what does not parse, which is the compiler's to report.
    pub(crate) fn syntax(&self) -> Option<&syn::File> {
        self.syntax.get_or_init(|| syn::parse_file(&self.text).ok()).as_ref()
    }

    /// The text's lines, numbered from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Whether the file holds only tests: rules for code that ships do not bind it.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
    }

    /// Whether the file belongs to a guest program: compiled for WebAssembly, outside the workspace.
    pub(crate) fn is_guest(&self) -> bool {
        self.path.contains("/guests/")
    }
}

/// Whether an item is there for tests only: `#[cfg(test)]`, alone or inside `all(…)`.
pub(crate) fn is_cfg_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        attribute.meta.require_list().is_ok_and(|list| {
            let condition = list.tokens.to_string();
            condition == "test" || condition.starts_with("all (test")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_files_are_told_apart() {
        let tree = Tree::of(&[("a/b/c.rs", ""), ("a/d.rs", ""), ("ab/e.rs", "")]);
        assert!(tree.has_folder("a/b") && !tree.has_folder("a/d.rs") && !tree.has_folder("a/bb"));
        assert!(tree.exists("a/d.rs") && tree.exists("a") && !tree.exists("b"));
        assert_eq!(tree.folders_in("a").into_iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(tree.files_in("a").into_iter().collect::<Vec<_>>(), ["d.rs"]);
    }

    #[test]
    fn reads_this_repository() {
        let tree = Tree::read(&root().expect("the root")).expect("git lists it");
        assert!(tree.file("crates/xtask/src/source.rs").is_some_and(|file| file.syntax().is_some()));
        assert!(!tree.has_folder("target"));
    }

    #[test]
    fn a_copy_without_git_has_the_same_sources() {
        let root = root().expect("the root");
        let mut walked = walked(&root.join("crates/xtask")).expect("a folder");
        walked.sort();
        let listed = Tree::read(&root).expect("git lists it");
        assert!(walked.contains(&"src/source.rs".to_owned()), "{walked:?}");
        let sources = |path: &&String| path.starts_with("src/");
        let listed: Vec<String> = listed.below("crates/xtask").map(str::to_owned).collect();
        assert_eq!(walked.iter().filter(sources).collect::<Vec<_>>(), listed.iter().filter(sources).collect::<Vec<_>>());
    }

    #[test]
    fn only_a_condition_on_test_marks_an_item_as_test() {
        let marked = |text: &str| is_cfg_test(&syn::parse_str::<syn::ItemMod>(text).expect("a module").attrs);
        assert!(marked("#[cfg(test)] mod tests {}"));
        assert!(marked("#[cfg(all(test, unix))] mod tests {}"));
        assert!(!marked("#[cfg(not(test))] mod tests {}"));
        assert!(!marked("mod tests {}"));
    }
}
