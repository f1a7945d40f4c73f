//! The contents of the watched files at one moment, and what differs between two moments.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};
use std::hash::{DefaultHasher, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Role, Watched};

/// Files that are watched at most; a glob that catches more was surely not meant.
const FILES_MAX: usize = 50_000;

/// Builds in a row that must change a file before it counts as something that the build itself writes.
const OUTPUT_AFTER: u32 = 3;

/// The watched files with their contents.
#[derive(Debug, Default, Clone)]
pub(crate) struct Snapshot {
    files: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    role: Role,
    stamp: Option<(u64, SystemTime)>,
    hash: u64,
}

/// What is new.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The files by their role.
    pub(crate) files: BTreeSet<(Role, PathBuf)>,
}

/// Files among the sources that the build itself writes: they change in build after build and must not start the next.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    changed_in_a_row: HashMap<PathBuf, u32>,
}

impl Snapshot {
    /// Reads the files of `watched`; those that have not been touched since `before` are not read again.
    pub(crate) fn take(watched: &Watched, before: &Self) -> Self {
        Self::read(watched, |role, path| {
            let stamp = stamp(path);
            let hash = match before.files.get(path) {
                Some(known) if stamp.is_some() && known.stamp == stamp => known.hash,
                _ => hash(path),
            };
            Entry { role, stamp, hash }
        })
    }

    /// The files of `watched` as they were `before`; only those that were not looked at then are read.
    pub(crate) fn extend(watched: &Watched, before: &Self) -> Self {
        Self::read(watched, |role, path| match before.files.get(path) {
            Some(known) => Entry { role, ..*known },
            None => Entry { role, stamp: stamp(path), hash: hash(path) },
        })
    }

    fn read(watched: &Watched, entry: impl Fn(Role, &Path) -> Entry) -> Self {
        let mut files = BTreeMap::new();
        for (role, path) in watched.files() {
            if files.len() >= FILES_MAX {
                break;
            }
            // The first role counts: a manifest that is also among the sources is a manifest.
            if let btree_map::Entry::Vacant(vacant) = files.entry(path) {
                let found = entry(role, vacant.key());
                vacant.insert(found);
            }
        }
        Self { files }
    }

    /// What differs from `before`.
    pub(crate) fn since(&self, before: &Self) -> Changes {
        let differs = |path: &Path, entry: &Entry, other: &Self| other.files.get(path).is_none_or(|known| known.hash != entry.hash);
        let new = self.files.iter().filter(|(path, entry)| differs(path, entry, before));
        let gone = before.files.iter().filter(|(path, _)| !self.files.contains_key(*path));
        Changes { files: new.chain(gone).map(|(path, entry)| (entry.role, path.clone())).collect() }
    }
}

impl Changes {
    /// Whether nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether a file with this role changed.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.files.iter().any(|(known, _)| *known == role)
    }

    /// What changed, for people: the first file, and how many more.
    pub(crate) fn summary(&self) -> String {
        let mut files = self.files.iter().map(|(_, path)| path.display().to_string());
        match (files.next(), files.count()) {
            (None, _) => "nothing".to_owned(),
            (Some(first), 0) => first,
            (Some(first), more) => format!("{first} and {more} more"),
        }
    }
}

impl Outputs {
    /// Takes note of sources that changed while a build ran. Those that keep doing so are dropped from `changes`, and returned the
    /// first time.
    pub(crate) fn sift(&mut self, changes: &mut Changes) -> Vec<PathBuf> {
        let mut found = Vec::new();
        changes.files.retain(|(role, path)| {
            if *role != Role::Source {
                return true;
            }
            let count = self.changed_in_a_row.entry(path.clone()).or_default();
            *count += 1;
            if *count == OUTPUT_AFTER {
                found.push(path.clone());
            }
            *count < OUTPUT_AFTER
        });
        found
    }

    /// A build ran to its end undisturbed: whoever changes a file next starts the count anew.
    pub(crate) fn settle(&mut self) {
        self.changed_in_a_row.retain(|_, count| *count >= OUTPUT_AFTER);
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// The hash of a file's content, piece by piece. A file that cannot be read is one whose content changes when it can.
fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Ok(mut file) = std::fs::File::open(path) else { return 0 };
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = file.read(&mut piece) {
        hasher.write(piece.get(..read).unwrap_or_default());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watching::Own;
    use crate::watching::patterns::Pattern;

    fn watched(folder: &Path) -> Watched {
        Watched {
            own: Own::default(),
            patterns: vec![
                (Role::Manifest, Pattern::file(&folder.join("spin.toml"))),
                (Role::Source, Pattern::below(folder, "**/*.rs")),
                (Role::Code, Pattern::file(&folder.join("app.wasm"))),
            ],
        }
    }

    #[test]
    fn contents_count_and_times_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("spin.toml"), "1").unwrap();
        std::fs::write(at("lib.rs"), "1").unwrap();
        let watched = watched(folder.path());
        let first = Snapshot::take(&watched, &Snapshot::default());
        let later = first.files[&at("lib.rs")].stamp.unwrap().1 + std::time::Duration::from_secs(5);
        std::fs::File::open(at("lib.rs")).unwrap().set_modified(later).unwrap();
        let second = Snapshot::take(&watched, &first);
        assert!(second.since(&first).is_empty());
        std::fs::write(at("lib.rs"), "2 is longer").unwrap();
        std::fs::write(at("app.wasm"), "code").unwrap();
        std::fs::remove_file(at("spin.toml")).unwrap();
        let third = Snapshot::take(&watched, &second);
        let changes = third.since(&second);
        assert!(changes.has(Role::Manifest) && changes.has(Role::Source) && changes.has(Role::Code) && !changes.has(Role::File));
        assert!(changes.summary().ends_with("and 2 more"), "{}", changes.summary());
    }

    #[test]
    fn what_changed_between_two_looks_is_not_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("lib.rs"), "1").unwrap();
        let watched = watched(folder.path());
        let first = Snapshot::take(&watched, &Snapshot::default());
        std::fs::write(at("lib.rs"), "2 is longer").unwrap();
        std::fs::write(at("app.wasm"), "named by a new manifest").unwrap();
        let extended = Snapshot::extend(&watched, &first);
        let changes = Snapshot::take(&watched, &extended).since(&extended);
        assert_eq!(changes.files, [(Role::Source, at("lib.rs"))].into());
    }

    #[test]
    fn what_we_write_ourselves_is_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("logs")).unwrap();
        std::fs::write(at("logs/out.rs"), "").unwrap();
        std::fs::write(at("lib.rs"), "").unwrap();
        let watched = Watched { own: Own::new([at("./logs")]), ..watched(folder.path()) };
        assert_eq!(watched.files().collect::<Vec<_>>(), [(Role::Source, at("lib.rs"))]);
    }

    #[test]
    fn a_source_that_every_build_changes_stops_counting() {
        let change = || Changes { files: [(Role::Source, PathBuf::from("gen.rs"))].into() };
        let mut outputs = Outputs::default();
        for _ in 1..OUTPUT_AFTER {
            let mut changes = change();
            assert!(outputs.sift(&mut changes).is_empty());
            assert!(!changes.is_empty());
        }
        let mut changes = change();
        assert_eq!(outputs.sift(&mut changes), [PathBuf::from("gen.rs")]);
        assert!(changes.is_empty());
        let mut changes = change();
        assert!(outputs.sift(&mut changes).is_empty(), "it is told once");
        assert!(changes.is_empty());
    }

    #[test]
    fn edits_during_separate_builds_always_count() {
        let mut outputs = Outputs::default();
        for _ in 0..10 {
            let mut changes = Changes { files: [(Role::Source, PathBuf::from("lib.rs"))].into() };
            outputs.sift(&mut changes);
            assert!(!changes.is_empty());
            outputs.settle();
        }
    }
}
