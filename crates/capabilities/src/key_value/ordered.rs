//! Pages and cursors of backends that keep their keys in order: a page starts after the last key of the one before.

use super::{Cursor, Error, Page};

/// Marks our own cursors, so that one that a guest made up is an error and not a place.
const MARK: &str = "after:";

impl Page {
    /// The page that begins `found`, which was read one key further than `keys_max` to see whether there are more.
    pub(super) fn of(mut found: Vec<String>, keys_max: usize) -> Self {
        let more = found.len() > keys_max;
        found.truncate(keys_max);
        let next = found.last().filter(|_| more).map(|last| Cursor(format!("{MARK}{last}")));
        Self { keys: found, next }
    }
}

impl Cursor {
    /// The key after which the page starts.
    pub(super) fn key(&self) -> Result<&str, Error> {
        self.0.strip_prefix(MARK).ok_or(Error::Cursor)
    }
}
