//! A file, a folder or a glob of a manifest, and the files that it stands for.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

use super::Own;

/// Folders that a wildcard does not enter: what tools keep there is not written by hand, and there may be very much of it.
const SKIPPED: &[&str] = &[".git", ".spin", ".coracle", "node_modules", "target"];

/// What one entry of a manifest stands for.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The folder, or the one file.
    base: PathBuf,
    /// What files below the folder must match; everything where it is `None`.
    glob: Option<GlobMatcher>,
}

impl Pattern {
    /// One file.
    pub(super) fn file(path: &Path) -> Self {
        Self { base: plain(path), glob: None }
    }

    /// A file, a folder with all that is below it, or a glob, relative to `folder`. A glob that does not parse matches nothing; reading
    /// the manifest or starting the app has said so.
    pub(super) fn below(folder: &Path, text: &str) -> Self {
        if !text.contains(['*', '?', '[', '{']) {
            return Self::file(&folder.join(text));
        }
        let parts: Vec<_> = text.split('/').collect();
        let fixed = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{'])).count();
        let (base, rest) = parts.split_at_checked(fixed).unwrap_or((&[], &parts));
        let glob = GlobBuilder::new(&rest.join("/")).literal_separator(true).build().ok().map(|glob| glob.compile_matcher());
        let base = plain(&base.iter().fold(folder.to_owned(), |path, part| path.join(part)));
        Self { base, glob: Some(glob.unwrap_or_else(nothing)) }
    }

    /// The folder in which changes show, and whether those below it matter too. A folder that does not exist yet shows in the nearest
    /// one above it that does.
    pub(super) fn root(&self) -> (PathBuf, bool) {
        if self.base.is_dir() {
            return (self.base.clone(), true);
        }
        let existing = self.base.ancestors().skip(1).find(|path| path.is_dir());
        (existing.map_or_else(|| PathBuf::from("."), Path::to_owned), false)
    }

    /// Every file that matches now.
    pub(super) fn files<'a>(&'a self, own: &'a Own) -> impl Iterator<Item = PathBuf> + 'a {
        let is_skipped = |entry: &walkdir::DirEntry| {
            entry.file_type().is_dir() && entry.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name))
        };
        let enter = move |entry: &walkdir::DirEntry| entry.depth() == 0 || !(is_skipped(entry) || own.has(entry));
        let entries = WalkDir::new(&self.base).into_iter().filter_entry(enter).filter_map(Result::ok);
        let files = entries.filter(|entry| entry.file_type().is_file() || entry.path_is_symlink()).map(walkdir::DirEntry::into_path);
        let matching = files.filter(|path| match &self.glob {
            None => true,
            Some(glob) => path.strip_prefix(&self.base).is_ok_and(|relative| glob.is_match(relative)),
        });
        // A file has one name here, whichever pattern finds it.
        matching.map(|path| plain(&path))
    }
}

/// A glob that no path matches.
fn nothing() -> GlobMatcher {
    #[expect(clippy::expect_used, reason = "a constant that parses")]
    GlobBuilder::new("").build().expect("the empty glob parses").compile_matcher()
}

/// `path` without `.` and, where the name before it is plain, without `..`. An empty path is the current folder.
fn plain(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(result.components().next_back(), Some(Component::Normal(_))) => {
                result.pop();
            }
            part => result.push(part),
        }
    }
    if result.as_os_str().is_empty() { PathBuf::from(".") } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path, text: &str) -> Vec<String> {
        let mut found: Vec<_> = Pattern::below(folder, text)
            .files(&Own::default())
            .map(|path| path.strip_prefix(folder).unwrap().display().to_string())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn entries_stand_for_files_folders_and_globs() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        for name in ["src/lib.rs", "src/deep/mod.rs", "src/notes.txt", "Cargo.toml", "target/out.rs", "node_modules/x/y.rs"] {
            let path = at.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(files(at, "src/**/*.rs"), ["src/deep/mod.rs", "src/lib.rs"]);
        assert_eq!(files(at, "src/*.rs"), ["src/lib.rs"]);
        assert_eq!(files(at, "src"), ["src/deep/mod.rs", "src/lib.rs", "src/notes.txt"]);
        assert_eq!(files(at, "Cargo.toml"), ["Cargo.toml"]);
        assert_eq!(files(at, "**/*.rs"), ["src/deep/mod.rs", "src/lib.rs"], "a wildcard does not enter what tools keep");
        assert_eq!(files(at, "target/*.rs"), ["target/out.rs"], "unless it is named");
        assert_eq!(files(at, "[.rs"), Vec::<String>::new());
        assert_eq!(files(at, "missing"), Vec::<String>::new());
    }

    #[test]
    fn a_missing_folder_is_watched_from_above() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Pattern::below(root.path(), "target/x/app.wasm").root(), (root.path().to_owned(), false));
        assert_eq!(plain(Path::new("./a/../b/./c")), PathBuf::from("b/c"));
        assert_eq!(plain(Path::new("./")), PathBuf::from("."));
        assert_eq!(plain(Path::new("../a")), PathBuf::from("../a"));
    }
}
