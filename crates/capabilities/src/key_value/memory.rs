//! A store in memory, gone with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use coracle_base::clock;
use coracle_engine::BindError;
use parking_lot::{RwLock, RwLockWriteGuard};
use serde::Deserialize;

use super::{Cursor, Error, Page, Store, Swap, Terms, number};
use crate::backend::{Kind, Opened, Opening};

/// A store in memory, which takes no configuration.
pub(super) const KIND: Kind<dyn Store> = Kind { types: &["memory"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let Config {} = opening.config()?;
    Ok(Opened { backend: Arc::new(Memory::default()), place: "memory".to_owned() })
}

/// All keys and values of one store together, so that a guest cannot fill the host's memory over many invocations.
const BYTES_MAX: usize = 512 << 20;

/// What a key and its value cost beside their bytes.
const OVERHEAD_BYTES: usize = 96;

/// Values that have ended and that one write puts away; what is left over is as good as gone, and only takes room.
const SWEPT_MAX: usize = 64;

/// A store in memory.
#[derive(Debug)]
pub struct Memory {
    entries: RwLock<Entries>,
}

#[derive(Debug)]
struct Entries {
    values: BTreeMap<String, Entry>,
    /// The keys whose values end, by when.
    ends: BTreeSet<(Instant, String)>,
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    end: Option<Instant>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::bounded(BYTES_MAX)
    }
}

impl Memory {
    /// An empty store that holds up to `bytes_max`.
    #[must_use]
    pub fn bounded(bytes_max: usize) -> Self {
        Self { entries: RwLock::new(Entries { values: BTreeMap::new(), ends: BTreeSet::new(), bytes: 0, bytes_max }) }
    }

    /// The entries to be written to, without some of those that have ended.
    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        let mut entries = self.entries.write();
        entries.sweep(SWEPT_MAX);
        entries
    }
}

fn cost(key: &str, value: &[u8], end: Option<Instant>) -> usize {
    let once = key.len() + OVERHEAD_BYTES;
    value.len() + if end.is_some() { 2 * once } else { once }
}

impl Entry {
    fn is_there(&self) -> bool {
        self.end.is_none_or(|end| clock::now() < end)
    }
}

impl Entries {
    fn find(&self, key: &str) -> Option<&Entry> {
        self.values.get(key).filter(|entry| entry.is_there())
    }

    fn get(&self, key: &str) -> Option<&Vec<u8>> {
        self.find(key).map(|entry| &entry.value)
    }

    /// What `key` takes up, also when its value has ended.
    fn cost(&self, key: &str) -> usize {
        self.values.get(key).map_or(0, |old| cost(key, &old.value, old.end))
    }

    /// Whether there is room for `grown` bytes when `keys` are gone. Puts everything away that has ended before it says no.
    fn has_room<'a>(&mut self, grown: usize, keys: impl Iterator<Item = &'a String> + Clone) -> bool {
        let fits = |entries: &Self| {
            let freed: usize = keys.clone().map(|key| entries.cost(key)).sum();
            entries.bytes - freed + grown <= entries.bytes_max
        };
        fits(self) || (self.sweep(usize::MAX) && fits(self))
    }

    fn set(&mut self, key: String, value: Vec<u8>, end: Option<Instant>) -> Result<(), Error> {
        let grown = cost(&key, &value, end);
        if !self.has_room(grown, std::iter::once(&key)) {
            return Err(Error::Full);
        }
        self.delete(&key);
        self.bytes += grown;
        if let Some(end) = end {
            self.ends.insert((end, key.clone()));
        }
        self.values.insert(key, Entry { value, end });
        Ok(())
    }

    fn delete(&mut self, key: &str) {
        if let Some((key, old)) = self.values.remove_entry(key) {
            self.bytes -= cost(&key, &old.value, old.end);
            if let Some(end) = old.end {
                self.ends.remove(&(end, key));
            }
        }
    }

    /// Puts away up to `swept_max` values that have ended, and tells whether there were any.
    fn sweep(&mut self, swept_max: usize) -> bool {
        let mut swept = 0;
        while swept < swept_max
            && let Some((_, key)) = self.ends.first().filter(|(end, _)| *end <= clock::now()).cloned()
        {
            self.delete(&key);
            swept += 1;
        }
        swept > 0
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.entries.read().get(key).cloned())
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.write().set(key.to_owned(), value, None)
    }

    async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error> {
        let mut entries = self.write();
        if terms.only_absent && entries.find(key).is_some() {
            return Ok(Swap::Stale);
        }
        // A time beyond the clock's is for ever.
        let end = terms.lifetime.and_then(|lifetime| clock::now().checked_add(lifetime));
        entries.set(key.to_owned(), value, end).map(|()| Swap::Done)
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.write().delete(key);
        Ok(())
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.entries.read().find(key).is_some())
    }

    async fn keys(&self, prefix: &str, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error> {
        let after = from.map(Cursor::key).transpose()?;
        let start = after.filter(|after| *after >= prefix).map_or(Bound::Included(prefix), Bound::Excluded);
        let entries = self.entries.read();
        let rest = entries.values.range::<str, _>((start, Bound::Unbounded));
        let found = rest.take_while(|(key, _)| key.starts_with(prefix)).filter(|(_, entry)| entry.is_there());
        Ok(Page::of(found.map(|(key, _)| key.clone()).take(keys_max.saturating_add(1)).collect(), keys_max))
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let mut entries = self.write();
        let (value, end) = entries.find(key).map_or((None, None), |entry| (Some(entry.value.as_slice()), entry.end));
        let sum = number::add(value, delta)?;
        entries.set(key.to_owned(), number::encode(sum), end)?;
        Ok(sum)
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
        let mut entries = self.write();
        if entries.get(key).map(Vec::as_slice) != expected {
            return Ok(Swap::Stale);
        }
        entries.set(key.to_owned(), value, None).map(|()| Swap::Done)
    }

    async fn get_many(&self, keys: Vec<String>, bytes_max: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let entries = self.entries.read();
        // Sizes first, so that an answer that is too large is never copied.
        let bytes: usize = keys.iter().filter_map(|key| entries.get(key)).map(Vec::len).sum();
        if bytes > bytes_max {
            return Err(Error::ResultTooLarge { bytes_max });
        }
        Ok(keys.iter().map(|key| entries.get(key).cloned()).collect())
    }

    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let mut entries = self.write();
        // One entry for each key, so that the sizes below are right and nothing can fail half way.
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        let grown: usize = pairs.iter().map(|(key, value)| cost(key, value, None)).sum();
        if !entries.has_room(grown, pairs.keys()) {
            return Err(Error::Full);
        }
        // What they replace goes first, so that there is room for each.
        pairs.keys().for_each(|key| entries.delete(key));
        pairs.into_iter().try_for_each(|(key, value)| entries.set(key, value, None))
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        let mut entries = self.write();
        keys.iter().for_each(|key| entries.delete(key));
        Ok(())
    }
}
