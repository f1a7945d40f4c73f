//! The `files` of a component: what a guest sees below `/`. By default everything is copied into a folder of its own, so that a guest
//! sees what was there at start and nothing that a link points to elsewhere.

use std::fs;
use std::path::{Component as Part, Path, PathBuf};

use coracle_app::{Component, FileMount};
use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};
use serde_json::{Value, json};
use walkdir::WalkDir;

/// Files of one component, at most; beyond it a glob has surely caught more than was meant.
const FILES_MAX: usize = 50_000;

/// Why files cannot be shown to a guest.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A source leaves the app's folder.
    #[error("component `{component}`: `{pattern}` is outside of the app's folder; move the files below it")]
    Outside {
        /// The component.
        component: String,
        /// The entry of `files`.
        pattern: String,
    },
    /// A source does not exist.
    #[error("component `{component}`: `{pattern}` does not exist and is not a glob; create it or correct the entry of `files`")]
    Missing {
        /// The component.
        component: String,
        /// The entry of `files`.
        pattern: String,
    },
    /// A glob does not parse, or a pattern ends with a dot segment.
    #[error("component `{component}`: `{pattern}` is not a file, a folder or a glob: {reason}")]
    Pattern {
        /// The component.
        component: String,
        /// The entry.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// A destination is not an absolute path without dot segments.
    #[error("component `{component}`: destination `{destination}` must be an absolute path without `..`")]
    Destination {
        /// The component.
        component: String,
        /// The destination.
        destination: String,
    },
    /// Direct mounts take folders only.
    #[error(
        "component `{component}`: `{pattern}` cannot be mounted directly: only folders can, without globs and `exclude_files`; leave out `--direct-mounts`"
    )]
    NotDirect {
        /// The component.
        component: String,
        /// The entry.
        pattern: String,
    },
    /// Too many files.
    #[error("component `{component}`: `files` matches more than {FILES_MAX} files; name narrower folders, or use `--direct-mounts`")]
    TooMany {
        /// The component.
        component: String,
    },
    /// The file system refuses.
    #[error("component `{component}`: {path} cannot be copied; check that it is readable and that the disk has room")]
    Io {
        /// The component.
        component: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// How files reach the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mounting {
    /// Folders are mounted as they are instead of copied.
    pub direct: bool,
    /// Guests may write to their copy.
    pub transient_write: bool,
}

/// Prepares the files of `component` below `assets`, and says what to mount where, as the grant `files`.
///
/// # Errors
/// [`FilesError`] for an entry that cannot be shown.
pub(crate) fn prepare(component: &Component, folder: &Path, assets: &Path, mounting: Mounting) -> Result<Option<Value>, FilesError> {
    if component.files.is_empty() {
        return Ok(None);
    }
    let copier = Copier { component, folder, target: assets.join(component.id.as_str()), exclude: exclude(component)? };
    let mut mounts = Vec::new();
    let mut copied = 0;
    for mount in &component.files {
        match mount {
            FileMount::Mount { source, destination, writable } if *writable || mounting.direct => {
                mounts.push(copier.direct(source, destination, *writable)?);
            }
            FileMount::Glob(pattern) if mounting.direct => mounts.push(copier.direct(pattern, &format!("/{pattern}"), false)?),
            FileMount::Mount { source, destination, .. } => copied += copier.place(source, destination)?,
            FileMount::Glob(pattern) => copied += copier.matching(pattern)?,
        }
        if copied > FILES_MAX {
            return Err(FilesError::TooMany { component: component.id.to_string() });
        }
    }
    if copied > 0 {
        mounts.insert(0, json!({ "source": copier.target, "destination": "/", "writable": mounting.transient_write }));
    }
    Ok(Some(Value::Array(mounts)))
}

/// Everything that is wrong with the files of `component`, found without copying them.
#[must_use]
pub fn file_faults(component: &Component, folder: &Path) -> Vec<FilesError> {
    let exclude = match exclude(component) {
        Ok(exclude) => exclude,
        Err(error) => return vec![error],
    };
    let copier = Copier { component, folder, target: PathBuf::new(), exclude };
    let look = |mount: &FileMount| match mount {
        FileMount::Mount { source, destination, writable: true } => copier.direct(source, destination, true).map(drop),
        FileMount::Mount { source, destination, .. } => copier.placed(source, destination).map(drop),
        FileMount::Glob(pattern) => copier.matched(pattern).map(drop),
    };
    component.files.iter().filter_map(|mount| look(mount).err()).collect()
}

/// What an entry that is no mount stands for.
enum Matched {
    /// One file or folder, and where it goes.
    One(PathBuf, PathBuf),
    /// What a glob matches.
    Glob(GlobMatcher),
}

struct Copier<'a> {
    component: &'a Component,
    folder: &'a Path,
    target: PathBuf,
    exclude: GlobSet,
}

impl Copier<'_> {
    fn name(&self) -> String {
        self.component.id.to_string()
    }

    fn direct(&self, source: &str, destination: &str, writable: bool) -> Result<Value, FilesError> {
        let not_direct = || FilesError::NotDirect { component: self.name(), pattern: source.to_owned() };
        if is_glob(source) && !self.folder.join(source).exists() {
            return Err(not_direct());
        }
        let path = self.inside(source)?;
        if !path.is_dir() || !self.component.exclude_files.is_empty() {
            return Err(not_direct());
        }
        self.destination(destination)?;
        Ok(json!({ "source": path, "destination": destination, "writable": writable }))
    }

    /// A file or folder at another place.
    fn place(&self, source: &str, destination: &str) -> Result<usize, FilesError> {
        let (path, target) = self.placed(source, destination)?;
        if path.is_dir() { self.tree(&path, &target) } else { self.copy(&path, &target) }
    }

    /// Where a file or folder comes from, and where it goes.
    fn placed(&self, source: &str, destination: &str) -> Result<(PathBuf, PathBuf), FilesError> {
        let path = self.inside(source)?;
        let target = self.target.join(self.destination(destination)?);
        if !path.is_dir() && !path.is_file() {
            return Err(FilesError::Missing { component: self.name(), pattern: source.to_owned() });
        }
        if path.is_file() && destination.ends_with('/') {
            return Err(FilesError::Destination { component: self.name(), destination: destination.to_owned() });
        }
        Ok((path, target))
    }

    /// A file, folder or glob at its own place.
    fn matching(&self, pattern: &str) -> Result<usize, FilesError> {
        match self.matched(pattern)? {
            Matched::One(path, target) if path.is_dir() => self.tree(&path, &target),
            Matched::One(path, target) => self.copy(&path, &target),
            Matched::Glob(glob) => self.walk(self.folder, |relative| glob.is_match(relative).then(|| self.target.join(relative))),
        }
    }

    /// What a file, folder or glob stands for.
    fn matched(&self, pattern: &str) -> Result<Matched, FilesError> {
        let wrong = |reason: &str| FilesError::Pattern { component: self.name(), pattern: pattern.to_owned(), reason: reason.to_owned() };
        if matches!(Path::new(pattern).components().next_back(), Some(Part::ParentDir)) || pattern.ends_with("/.") || pattern == "." {
            return Err(wrong("it ends with a dot segment; use `*` for a whole folder"));
        }
        let pattern_plain = pattern.trim_start_matches("./");
        if self.folder.join(pattern_plain).exists() {
            return Ok(Matched::One(self.inside(pattern_plain)?, self.target.join(pattern_plain)));
        }
        if !is_glob(pattern) {
            return Err(FilesError::Missing { component: self.name(), pattern: pattern.to_owned() });
        }
        if Path::new(pattern).components().any(|part| matches!(part, Part::ParentDir | Part::RootDir)) {
            return Err(FilesError::Outside { component: self.name(), pattern: pattern.to_owned() });
        }
        let glob = globset::GlobBuilder::new(pattern_plain).literal_separator(true).build();
        Ok(Matched::Glob(glob.map_err(|error| wrong(&error.to_string()))?.compile_matcher()))
    }

    fn tree(&self, source: &Path, target: &Path) -> Result<usize, FilesError> {
        self.walk(source, |relative| Some(target.join(relative)))
    }

    /// Copies the regular files below `root` for which `target` names a place. Links are not followed.
    fn walk(&self, root: &Path, target: impl Fn(&Path) -> Option<PathBuf>) -> Result<usize, FilesError> {
        let mut copied = 0;
        for entry in WalkDir::new(root).follow_links(false).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(root).to_owned();
                self.io(path)(error.into())
            })?;
            let Ok(relative) = entry.path().strip_prefix(root) else { continue };
            if entry.file_type().is_file()
                && let Some(target) = target(relative)
            {
                copied += self.copy(entry.path(), &target)?;
            }
            if copied > FILES_MAX {
                return Err(FilesError::TooMany { component: self.name() });
            }
        }
        Ok(copied)
    }

    fn copy(&self, source: &Path, target: &Path) -> Result<usize, FilesError> {
        if let Ok(relative) = source.strip_prefix(self.folder)
            && self.exclude.is_match(relative)
        {
            return Ok(0);
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(self.io(parent.to_owned()))?;
        }
        fs::copy(source, target).map_err(self.io(source.to_owned()))?;
        Ok(1)
    }

    /// The path of a source, which must not leave the app's folder, not even through a link.
    fn inside(&self, source: &str) -> Result<PathBuf, FilesError> {
        let joined = self.folder.join(source);
        let root = self.folder.canonicalize().map_err(self.io(self.folder.to_owned()))?;
        let path = joined.canonicalize().map_err(|_| FilesError::Missing { component: self.name(), pattern: source.to_owned() })?;
        if path.starts_with(&root) { Ok(path) } else { Err(FilesError::Outside { component: self.name(), pattern: source.to_owned() }) }
    }

    /// A guest path as one relative to the root of the guest.
    fn destination<'a>(&self, destination: &'a str) -> Result<&'a Path, FilesError> {
        let wrong = || FilesError::Destination { component: self.name(), destination: destination.to_owned() };
        let relative = Path::new(destination.strip_prefix('/').ok_or_else(wrong)?);
        let plain = relative.components().all(|part| matches!(part, Part::Normal(_)));
        if plain { Ok(relative) } else { Err(wrong()) }
    }

    fn io(&self, path: PathBuf) -> impl FnOnce(std::io::Error) -> FilesError {
        let component = self.name();
        move |source| FilesError::Io { component, path, source }
    }
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

fn exclude(component: &Component) -> Result<GlobSet, FilesError> {
    let mut set = GlobSetBuilder::new();
    let wrong = |pattern: &str, error: &globset::Error| FilesError::Pattern {
        component: component.id.to_string(),
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    };
    for pattern in &component.exclude_files {
        set.add(Glob::new(pattern).map_err(|error| wrong(pattern, &error))?);
    }
    set.build().map_err(|error| wrong("exclude_files", &error))
}
