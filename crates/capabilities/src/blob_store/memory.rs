//! A store in memory, gone with the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use coracle_base::clock;
use coracle_engine::BindError;
use futures::StreamExt as _;
use parking_lot::Mutex;
use serde::Deserialize;

use super::{Error, Object, Reading, Stat, Store, Writing};
use crate::backend::{Kind, Opened, Opening};

/// A store in memory.
pub(super) const KIND: Kind<dyn Store> = Kind { types: &["memory"], open };

/// The table of such a store.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// All objects together.
    #[serde(default = "usual_bytes", rename = "max_bytes")]
    bytes_max: usize,
}

/// All objects of one store together, so that guests cannot fill the host's memory over many invocations.
const fn usual_bytes() -> usize {
    512 << 20
}

/// What an object or a container costs beside its bytes.
const OVERHEAD_BYTES: usize = 160;

/// A store in memory. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Mutex<Contents>>);

#[derive(Debug)]
struct Contents {
    containers: BTreeMap<String, Container>,
    /// What is kept, and what is being written.
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Container {
    created: u64,
    objects: BTreeMap<String, Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    body: Bytes,
    created: u64,
}

/// An object that is being written; its bytes are reserved until it is kept or dropped.
struct Draft {
    store: Memory,
    object: Object,
    body: BytesMut,
    reserved: usize,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let config: Config = opening.config()?;
    Ok(Opened { backend: Arc::new(Memory::bounded(config.bytes_max)), place: "memory".to_owned() })
}

fn now() -> u64 {
    clock::unix_ms() / 1_000
}

impl Default for Memory {
    fn default() -> Self {
        Self::bounded(usual_bytes())
    }
}

impl Memory {
    /// An empty store that holds up to `bytes_max`.
    #[must_use]
    pub fn bounded(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Contents { containers: BTreeMap::new(), bytes: 0, bytes_max })))
    }
}

impl Contents {
    fn container(&mut self, name: &str) -> Result<&mut Container, Error> {
        self.containers.get_mut(name).ok_or_else(|| Error::NoContainer(name.to_owned()))
    }

    fn object(&self, object: &Object) -> Result<&Kept, Error> {
        let found = self.containers.get(&object.container).and_then(|container| container.objects.get(&object.name));
        found.ok_or_else(|| Error::NoObject(object.name.clone()))
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let sum = self.bytes.saturating_add(bytes);
        if sum > self.bytes_max {
            return Err(Error::Full);
        }
        self.bytes = sum;
        Ok(())
    }

    /// Keeps an object whose cost is reserved, and gives back what the one before it cost.
    fn keep(&mut self, object: &Object, body: Bytes) -> Result<(), Error> {
        let kept = Kept { body, created: now() };
        if let Some(old) = self.container(&object.container)?.objects.insert(object.name.clone(), kept) {
            self.bytes = self.bytes.saturating_sub(cost(&object.name, &old.body));
        }
        Ok(())
    }

    fn forget(&mut self, container: &str, name: &str) {
        let old = self.containers.get_mut(container).and_then(|container| container.objects.remove(name));
        self.bytes = self.bytes.saturating_sub(old.map_or(0, |old| cost(name, &old.body)));
    }
}

fn cost(name: &str, body: &[u8]) -> usize {
    name.len() + body.len() + OVERHEAD_BYTES
}

#[async_trait]
impl Store for Memory {
    async fn create(&self, container: &str) -> Result<(), Error> {
        let mut contents = self.0.lock();
        if contents.containers.contains_key(container) {
            return Err(Error::ContainerExists(container.to_owned()));
        }
        contents.reserve(cost(container, &[]))?;
        contents.containers.insert(container.to_owned(), Container { created: now(), objects: BTreeMap::new() });
        Ok(())
    }

    async fn created(&self, container: &str) -> Result<Option<u64>, Error> {
        Ok(self.0.lock().containers.get(container).map(|container| container.created))
    }

    async fn remove(&self, container: &str) -> Result<(), Error> {
        let mut contents = self.0.lock();
        if let Some(removed) = contents.containers.remove(container) {
            let objects: usize = removed.objects.iter().map(|(name, kept)| cost(name, &kept.body)).sum();
            contents.bytes = contents.bytes.saturating_sub(objects + cost(container, &[]));
        }
        Ok(())
    }

    async fn stat(&self, object: &Object) -> Result<Option<Stat>, Error> {
        let contents = self.0.lock();
        Ok(contents.object(object).ok().map(|kept| Stat { bytes: kept.body.len() as u64, created: kept.created }))
    }

    async fn read(&self, object: &Object, first: u64, last: u64) -> Result<Reading, Error> {
        let body = self.0.lock().object(object)?.body.clone();
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
        let part = body.slice(place(first)..place(last.saturating_add(1)).max(place(first)));
        let bytes = part.len() as u64;
        Ok(Reading { bytes, chunks: futures::stream::iter([Ok(part)]).boxed() })
    }

    async fn write(&self, object: &Object) -> Result<Box<dyn Writing>, Error> {
        let reserved = cost(&object.name, &[]);
        let mut contents = self.0.lock();
        contents.container(&object.container)?;
        contents.reserve(reserved)?;
        Ok(Box::new(Draft { store: self.clone(), object: object.clone(), body: BytesMut::new(), reserved }))
    }

    async fn list(&self, container: &str, after: Option<&str>, names_max: usize) -> Result<Vec<String>, Error> {
        let mut contents = self.0.lock();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = contents.container(container)?.objects.range::<str, _>((start, Bound::Unbounded));
        Ok(rest.take(names_max).map(|(name, _)| name.clone()).collect())
    }

    async fn delete(&self, container: &str, names: &[String]) -> Result<(), Error> {
        let mut contents = self.0.lock();
        names.iter().for_each(|name| contents.forget(container, name));
        Ok(())
    }

    async fn copy(&self, from: &Object, to: &Object) -> Result<(), Error> {
        let mut contents = self.0.lock();
        let body = contents.object(from)?.body.clone();
        contents.container(&to.container)?;
        contents.reserve(cost(&to.name, &body))?;
        contents.keep(to, body)
    }
}

#[async_trait]
impl Writing for Draft {
    async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.store.0.lock().reserve(bytes.len())?;
        self.reserved += bytes.len();
        self.body.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let body = std::mem::take(&mut self.body).freeze();
        self.store.0.lock().keep(&self.object, body)?;
        self.reserved = 0;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let mut contents = self.store.0.lock();
        contents.bytes = contents.bytes.saturating_sub(self.reserved);
    }
}
