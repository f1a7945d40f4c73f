//! A store in a bucket of NATS JetStream. What has to be atomic is done by revision: a write is taken only while the key has the
//! revision that was read. Each key of a batch is atomic by itself; JetStream has nothing that binds several.

mod config;
mod connection;
mod ends;
mod key;

pub(super) use config::KIND;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv::{Entry, Operation, UpdateErrorKind};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::timeout;

use self::connection::{Connection, Place};
use super::listing::{Listings, Window};
use super::{Cursor, Error, LATE, Page, Store, Swap, Terms, number};
use crate::backend::Link;

/// How long an operation may take altogether.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a pass over all keys may take.
const LISTING_TIMEOUT: Duration = Duration::from_secs(30);

/// Keys of a batch that are worked on at once.
const AT_ONCE_MAX: usize = 16;

/// A store in NATS.
pub(super) struct Nats {
    place: Place,
    link: Link<Connection>,
    listings: Listings,
}

/// What stands in the bucket under a name. Revision 0 is that of a name that never was.
struct Found {
    revision: u64,
    value: Option<Vec<u8>>,
}

impl Nats {
    /// The store in the bucket at `place`. Connects when it is first used.
    fn new(place: Place) -> Self {
        Self { place, link: Link::default(), listings: Listings::default() }
    }

    /// Does `work` with the connection, for as long as it is connected and the time allows.
    async fn run<T, F>(&self, time_max: Duration, work: impl FnOnce(Arc<Connection>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut current = None;
        let working = async {
            let connection = current.insert(self.link.get(Connection::is_open, || self.place.connect()).await?);
            tokio::select! {
                done = work(Arc::clone(connection)) => done,
                () = connection.lost() => Err(failure(&"the connection was lost")),
            }
        };
        match timeout(time_max, working).await {
            Ok(done) => done,
            Err(_) => {
                // The connection may be dead without a sign; the next operation finds out with a new one.
                current.iter().for_each(|connection| self.link.forget(connection));
                Err(Error::Backend { public: LATE, internal: format!("no answer in {time_max:?}") })
            }
        }
    }

    async fn find(connection: &Connection, name: &str) -> Result<Found, Error> {
        let entry = connection.bucket.entry(name).await.map_err(|error| failure(&error))?;
        Ok(entry.map_or(Found { revision: 0, value: None }, |Entry { revision, value, operation, .. }| Found {
            revision,
            value: (operation == Operation::Put).then(|| value.to_vec()),
        }))
    }

    /// Writes `value` if `name` still has `revision`.
    async fn update(connection: &Connection, name: &str, value: Vec<u8>, revision: u64) -> Result<Swap, Error> {
        connection.check(&value)?;
        match connection.bucket.update(name, value.into(), revision).await {
            Ok(_) => Ok(Swap::Done),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(Swap::Stale),
            Err(error) => Err(failure(&error)),
        }
    }

    /// The same, for `seconds` if there are some.
    async fn update_for(seconds: Option<u64>, connection: &Connection, name: &str, value: Vec<u8>, revision: u64) -> Result<Swap, Error> {
        let Some(seconds) = seconds else { return Self::update(connection, name, value, revision).await };
        connection.check(&value)?;
        ends::write(connection.parts(), name, value, Some(revision), seconds).await
    }

    /// Writes `value`, for `seconds` if there are some, where `name` has none.
    async fn create(seconds: Option<u64>, connection: &Connection, name: &str, value: Vec<u8>) -> Result<Swap, Error> {
        loop {
            let found = Self::find(connection, name).await?;
            if found.value.is_some() {
                return Ok(Swap::Stale);
            }
            // Somebody else was faster, and may have deleted what they wrote.
            if Self::update_for(seconds, connection, name, value.clone(), found.revision).await? == Swap::Done {
                return Ok(Swap::Done);
            }
        }
    }

    async fn put(connection: &Connection, key: &str, value: Vec<u8>) -> Result<(), Error> {
        connection.check(&value)?;
        connection.bucket.put(key::encode(key), value.into()).await.map(drop).map_err(|error| failure(&error))
    }

    /// Deletes leave a mark, by which other programs learn of them; what is not there needs none.
    async fn remove(connection: &Connection, key: &str) -> Result<(), Error> {
        let name = key::encode(key);
        if Self::find(connection, &name).await?.value.is_none() {
            return Ok(());
        }
        connection.bucket.delete(name).await.map_err(|error| failure(&error))
    }

    /// Offers every key to `window`.
    async fn list(connection: &Connection, mut window: Window) -> Result<Window, Error> {
        let mut names = connection.bucket.keys().await.map_err(|error| failure(&error))?;
        while let Some(name) = names.try_next().await.map_err(|error| failure(&error))? {
            key::decode(&name).into_iter().for_each(|key| window.offer(key));
        }
        window.finish();
        Ok(window)
    }
}

#[async_trait]
impl Store for Nats {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let name = key::encode(key);
        self.run(ANSWER_TIMEOUT, |connection| async move { Ok(Self::find(&connection, &name).await?.value) }).await
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.run(ANSWER_TIMEOUT, |connection| async move { Self::put(&connection, key, value).await }).await
    }

    async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error> {
        let setting = |connection: Arc<Connection>| async move {
            if terms.lifetime.is_some() && !connection.ends_values {
                return Err(Error::NoEnds);
            }
            let (name, seconds) = (key::encode(key), terms.lifetime.map(ends::seconds));
            if terms.only_absent {
                return Self::create(seconds, &connection, &name, value).await;
            }
            let Some(seconds) = seconds else { return Self::put(&connection, key, value).await.map(|()| Swap::Done) };
            connection.check(&value)?;
            ends::write(connection.parts(), &name, value, None, seconds).await
        };
        self.run(ANSWER_TIMEOUT, setting).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.run(ANSWER_TIMEOUT, |connection| async move { Self::remove(&connection, key).await }).await
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        Ok(self.get(key).await?.is_some())
    }

    async fn keys(&self, prefix: &str, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error> {
        let mut window = self.listings.resume(prefix, from)?;
        if window.is_unread() {
            window = self.run(LISTING_TIMEOUT, |connection| async move { Self::list(&connection, window).await }).await?;
        }
        Ok(self.listings.page(window, keys_max))
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let name = key::encode(key);
        let adding = |connection: Arc<Connection>| async move {
            loop {
                let (found, seconds) = match connection.ends_values {
                    true => ends::find(&connection.bucket, &name).await?,
                    false => (Self::find(&connection, &name).await?, None),
                };
                let sum = number::add(found.value.as_deref(), delta)?;
                // Somebody else was faster; the sum is of a value that is no more.
                if Self::update_for(seconds, &connection, &name, number::encode(sum), found.revision).await? == Swap::Done {
                    return Ok(sum);
                }
            }
        };
        self.run(ANSWER_TIMEOUT, adding).await
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
        let name = key::encode(key);
        let swapping = |connection: Arc<Connection>| async move {
            loop {
                let found = Self::find(&connection, &name).await?;
                if found.value.as_deref() != expected {
                    return Ok(Swap::Stale);
                }
                // A newer revision may still be of the value that is expected.
                if Self::update(&connection, &name, value.clone(), found.revision).await? == Swap::Done {
                    return Ok(Swap::Done);
                }
            }
        };
        self.run(ANSWER_TIMEOUT, swapping).await
    }

    async fn get_many(&self, keys: Vec<String>, bytes_max: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let reading = |connection: Arc<Connection>| async move {
            let finds = keys.iter().map(|key| {
                let (connection, name) = (&connection, key::encode(key));
                async move { Self::find(connection, &name).await }
            });
            // Collected first: a stream of borrowing futures would not be known to be sendable.
            let finds: Vec<_> = finds.collect();
            let mut found = stream::iter(finds).buffered(AT_ONCE_MAX);
            let (mut values, mut bytes) = (Vec::with_capacity(keys.len()), 0_usize);
            while let Some(Found { value, .. }) = found.try_next().await? {
                bytes = bytes.saturating_add(value.as_ref().map_or(0, Vec::len));
                if bytes > bytes_max {
                    return Err(Error::ResultTooLarge { bytes_max });
                }
                values.push(value);
            }
            Ok(values)
        };
        self.run(ANSWER_TIMEOUT, reading).await
    }

    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let writing = |connection: Arc<Connection>| async move {
            pairs.iter().try_for_each(|(_, value)| connection.check(value))?;
            // One after the other, so that of two values for one key the last stands.
            for (key, value) in pairs {
                Self::put(&connection, &key, value).await?;
            }
            Ok(())
        };
        self.run(ANSWER_TIMEOUT, writing).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        let removing = |connection: Arc<Connection>| async move {
            for key in keys {
                Self::remove(&connection, &key).await?;
            }
            Ok(())
        };
        self.run(ANSWER_TIMEOUT, removing).await
    }
}

/// What the server says when a bucket may not grow.
const FULL: [&str; 3] = ["maximum bytes exceeded", "maximum messages exceeded", "insufficient storage"];

fn failure(error: &dyn std::fmt::Display) -> Error {
    let internal = error.to_string();
    if FULL.iter().any(|text| internal.contains(text)) {
        return Error::Full;
    }
    Error::Backend { public: "the storage failed", internal }
}

#[cfg(test)]
mod tests;
