//! A store in memory, gone with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::BindError;
use parking_lot::RwLock;
use serde::Deserialize;

use super::{Cursor, Error, Page, Store, Swap, number};
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

/// A store in memory.
#[derive(Debug)]
pub struct Memory {
    entries: RwLock<Entries>,
}

#[derive(Debug)]
struct Entries {
    values: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    bytes_max: usize,
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
        Self { entries: RwLock::new(Entries { values: BTreeMap::new(), bytes: 0, bytes_max }) }
    }
}

fn cost(key: &str, value: &[u8]) -> usize {
    key.len() + value.len() + OVERHEAD_BYTES
}

impl Entries {
    fn get(&self, key: &str) -> Option<&Vec<u8>> {
        self.values.get(key)
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Error> {
        let before = self.get(&key).map_or(0, |old| cost(&key, old));
        let bytes = self.bytes - before + cost(&key, &value);
        if bytes > self.bytes_max {
            return Err(Error::Full);
        }
        self.bytes = bytes;
        self.values.insert(key, value);
        Ok(())
    }

    fn delete(&mut self, key: &str) {
        if let Some(old) = self.values.remove(key) {
            self.bytes -= cost(key, &old);
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.entries.read().get(key).cloned())
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.entries.write().set(key.to_owned(), value)
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.entries.write().delete(key);
        Ok(())
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.entries.read().values.contains_key(key))
    }

    async fn keys(&self, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error> {
        let after = from.map(Cursor::key).transpose()?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.read();
        let rest = entries.values.range::<str, _>((start, Bound::Unbounded));
        Ok(Page::of(rest.map(|(key, _)| key.clone()).take(keys_max.saturating_add(1)).collect(), keys_max))
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let mut entries = self.entries.write();
        let sum = number::add(entries.get(key).map(Vec::as_slice), delta)?;
        entries.set(key.to_owned(), number::encode(sum))?;
        Ok(sum)
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
        let mut entries = self.entries.write();
        if entries.get(key).map(Vec::as_slice) != expected {
            return Ok(Swap::Stale);
        }
        entries.set(key.to_owned(), value).map(|()| Swap::Done)
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
        let mut entries = self.entries.write();
        // One entry for each key, so that the sizes below are right and nothing can fail half way.
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        let grown: usize = pairs.iter().map(|(key, value)| cost(key, value)).sum();
        let freed: usize = pairs.keys().filter_map(|key| entries.get(key).map(|old| cost(key, old))).sum();
        if entries.bytes - freed + grown > entries.bytes_max {
            return Err(Error::Full);
        }
        pairs.into_iter().try_for_each(|(key, value)| entries.set(key, value))
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        let mut entries = self.entries.write();
        keys.iter().for_each(|key| entries.delete(key));
        Ok(())
    }
}
