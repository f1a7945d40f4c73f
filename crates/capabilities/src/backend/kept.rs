//! Backends that stay when an app's runtime configuration is applied anew: whatever was opened from the same table, with the same content
//! in the files that it names, is the same backend, with its data in memory, its connections and its locks.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use coracle_engine::{Digest, named_files};
use parking_lot::Mutex;

use super::Opened;

/// Of a longer file only the beginning counts; what is named beside a backend is a certificate, a key or a token.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// All that a backend was made from.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(super) struct Fingerprint {
    table: Digest,
    /// One for each file that the table names, in order; `None` for one that cannot be read.
    files: Vec<Option<Digest>>,
}

/// The backends of one seam, by the table of the runtime configuration.
pub(super) struct Kept<B: ?Sized>(Mutex<BTreeMap<String, (Fingerprint, Opened<B>)>>);

impl Fingerprint {
    /// That of a backend made from `table`, whose relative paths start at `folder`.
    pub(super) fn of(table: &toml::Table, folder: &Path) -> Self {
        let digest = |path: &Path| {
            let mut bytes = Vec::new();
            std::fs::File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
            Some(Digest::of(&bytes))
        };
        let files = named_files(table, folder).iter().map(|path| digest(path)).collect();
        // A digest, so that no password of the table is kept longer than it is needed.
        Self { table: Digest::of(table.to_string().as_bytes()), files }
    }
}

impl<B: ?Sized> Default for Kept<B> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<B: ?Sized> Kept<B> {
    /// What was opened from the table at `place`, if it would be made from the same now.
    pub(super) fn get(&self, place: &str, fingerprint: &Fingerprint) -> Option<Opened<B>> {
        let kept = self.0.lock();
        kept.get(place).filter(|(known, _)| known == fingerprint).map(|(_, opened)| opened.clone())
    }

    /// Keeps what was opened from the table at `place`.
    pub(super) fn insert(self: &Arc<Self>, place: String, fingerprint: Fingerprint, opened: Opened<B>) {
        self.0.lock().insert(place, (fingerprint, opened));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_backend_is_what_its_table_and_the_files_in_it_say() {
        let folder = tempfile::tempdir().unwrap();
        let of = |text: &str| Fingerprint::of(&table(text), folder.path());
        let by_file = "url = \"redis://cache\"\nca_file = \"ca.pem\"\n";
        let absent = of(by_file);
        assert_eq!(absent, of(by_file));
        assert_ne!(absent, of("url = \"redis://cache\"\nca_file = \"other.pem\"\n"));
        std::fs::write(folder.path().join("ca.pem"), "one").unwrap();
        let one = of(by_file);
        std::fs::write(folder.path().join("ca.pem"), "two").unwrap();
        assert!(absent != one && one != of(by_file));
    }

    #[test]
    fn the_file_of_the_data_itself_may_change() {
        let folder = tempfile::tempdir().unwrap();
        let before = Fingerprint::of(&table("path = \"store.db\""), folder.path());
        std::fs::write(folder.path().join("store.db"), "data").unwrap();
        assert_eq!(before, Fingerprint::of(&table("path = \"store.db\""), folder.path()));
    }

    #[test]
    fn what_is_kept_is_found_again_only_for_the_same() {
        let kept = Arc::new(Kept::<str>::default());
        let of = |text: &str| Fingerprint::of(&table(text), Path::new(""));
        kept.insert("t.a".to_owned(), of("x = 1"), Opened { backend: "store".into(), place: "memory".to_owned() });
        assert!(kept.get("t.a", &of("x = 1")).is_some());
        assert!(kept.get("t.a", &of("x = 2")).is_none() && kept.get("t.b", &of("x = 1")).is_none());
    }
}
