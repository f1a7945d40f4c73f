//! A store in an SQLite file, laid out as Spin lays it out so that its files can be used as they are. Reads run beside each other
//! and beside the one writer, which has a file of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use coracle_base::clock;
use coracle_engine::BindError;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::memory::Memory;
use super::writer::Writer;
use super::{Cursor, Error, Page, Store, Swap, Terms, number};
use crate::backend::{Kind, Opened, Opening};
use crate::sqlite_file::{self, OpenError};

/// Reads of one file at once. Each has a connection of its own.
const READERS_MAX: usize = 8;

/// A file, so that guests cannot fill the disk. Its stores together; the write-ahead log comes on top.
const FILE_BYTES_MAX: u64 = 16 << 30;

const LAYOUT: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";
/// Where Spin's layout has nothing: when a value ends, in milliseconds since 1970. Spin itself does not look at it.
const HAS_END: &str = "SELECT 1 FROM pragma_table_info('spin_key_value') WHERE name = 'expires_ms'";
const ADD_END: &str = "ALTER TABLE spin_key_value ADD COLUMN expires_ms INTEGER";
const INDEX_ENDS: &str = "CREATE INDEX IF NOT EXISTS spin_key_value_expires ON spin_key_value (expires_ms) WHERE expires_ms IS NOT NULL";

const GET: &str = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?3 AND (expires_ms IS NULL OR expires_ms > ?2)";
const EXISTS: &str = "SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?3 AND (expires_ms IS NULL OR expires_ms > ?2)";
const SIZE: &str = "SELECT length(CAST(value AS BLOB)) FROM spin_key_value
    WHERE store = ?1 AND key = ?3 AND (expires_ms IS NULL OR expires_ms > ?2)";
const KEYS_FROM: &str = "SELECT key FROM spin_key_value
    WHERE store = ?1 AND key >= ?3 AND (expires_ms IS NULL OR expires_ms > ?2) ORDER BY key LIMIT ?4";
const KEYS_AFTER: &str = "SELECT key FROM spin_key_value
    WHERE store = ?1 AND key > ?3 AND (expires_ms IS NULL OR expires_ms > ?2) ORDER BY key LIMIT ?4";
const SET: &str = "INSERT INTO spin_key_value (store, key, value, expires_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (store, key) DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms";
const REPLACE: &str = "UPDATE spin_key_value SET value = ?3 WHERE store = ?1 AND key = ?2";
const DELETE: &str = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";

/// Puts away values that have ended, of all stores in the file. A bounded number, because somebody's write waits for it.
const SWEEP: &str =
    "DELETE FROM spin_key_value WHERE rowid IN (SELECT rowid FROM spin_key_value WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT 64)";

/// A store in a file, under the name of its label.
pub(super) const KIND: Kind<dyn Store> = Kind { types: &["spin", "sqlite"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// A file, from the folder of the configuration; none is a store in memory.
    path: Option<PathBuf>,
}

/// Files that are open, so that two labels in one file share its writer, also when one of them was bound before the other.
#[derive(Default)]
pub(super) struct Files(Mutex<BTreeMap<PathBuf, Weak<File>>>);

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Store>, BindError> {
    let Some(path) = opening.config::<Config>()?.path else {
        return Ok(Opened { backend: Arc::new(Memory::default()), place: "memory".to_owned() });
    };
    let path = opening.path(&path);
    let files = opening.site.shared::<Files>().unwrap_or_default();
    let mut files = files.0.lock();
    let file = match files.get(&path).and_then(Weak::upgrade) {
        Some(file) => file,
        None => {
            let what = || format!("the key-value store `{}` at {}", opening.label, path.display());
            let file = File::open(&path).map_err(|error| error.into_bind(what()))?;
            files.insert(path.clone(), Arc::downgrade(&file));
            file
        }
    };
    Ok(Opened { backend: Arc::new(file.store(opening.label)), place: format!("sqlite {}", path.display()) })
}

/// A file that holds any number of stores.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
}

/// One store in a [`File`].
#[derive(Debug, Clone)]
pub struct Sqlite {
    file: Arc<File>,
    name: Arc<str>,
}

impl File {
    /// Opens the file at `path`, which is made if it is absent.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        Self::bounded(path, FILE_BYTES_MAX)
    }

    /// The same for a file that holds up to `bytes_max`.
    pub(super) fn bounded(path: &Path, bytes_max: u64) -> Result<Arc<Self>, OpenError> {
        let mut connection = sqlite_file::open(path)?;
        let ready = lay_out(&mut connection).and_then(|()| sqlite_file::bound(&connection, "main", bytes_max));
        ready.map_err(|source| OpenError::Database { path: path.to_owned(), source })?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            writer: Writer::start(connection, path)?,
            readers: Mutex::new(Vec::new()),
            reading: Arc::new(Semaphore::new(READERS_MAX)),
        }))
    }

    /// The store called `name` in this file. A name is data here, whatever stands in it.
    #[must_use]
    pub fn store(self: &Arc<Self>, name: &str) -> Sqlite {
        Sqlite { file: Arc::clone(self), name: name.into() }
    }

    fn reader(&self) -> Result<Connection, Error> {
        if let Some(connection) = self.readers.lock().pop() {
            return Ok(connection);
        }
        sqlite_file::open(&self.path)
            .map_err(|error| Error::Backend { public: "the storage failed", internal: coracle_base::chain(&error).to_string() })
    }
}

/// Makes the table as Spin makes it, and the column that it lacks.
fn lay_out(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.execute_batch(LAYOUT)?;
    let has_end = |connection: &Connection| connection.prepare(HAS_END)?.exists([]);
    if !has_end(connection)? {
        // Another process may be about to add it too.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !has_end(&transaction)? {
            transaction.execute_batch(ADD_END)?;
        }
        transaction.commit()?;
    }
    connection.execute_batch(INDEX_ENDS)
}

impl Sqlite {
    /// Runs `work` on a thread that may block. It runs to its end also when nobody waits any more.
    async fn read<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection, &str) -> Result<T, Error> + Send + 'static,
    {
        let internal = |error: &dyn std::fmt::Display| Error::Backend { public: "the storage failed", internal: error.to_string() };
        let permit = Arc::clone(&self.file.reading).acquire_owned().await.map_err(|error| internal(&error))?;
        let Self { file, name } = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let mut connection = file.reader()?;
            let result = work(&mut connection, &name);
            file.readers.lock().push(connection);
            drop(permit);
            result
        });
        task.await.map_err(|error| internal(&error))?
    }

    async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        T: Send + 'static,
        W: FnOnce(&Connection, &str) -> Result<T, Error> + Send + 'static,
    {
        let name = Arc::clone(&self.name);
        let swept_and_done = move |connection: &Connection| {
            sweep(connection)?;
            work(connection, &name)
        };
        self.file.writer.write(swept_and_done).await
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let key = key.to_owned();
        self.read(move |connection, name| get(connection, name, &key)).await
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        let key = key.to_owned();
        self.write(move |connection, name| set(connection, name, &key, &value, None)).await
    }

    async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error> {
        let key = key.to_owned();
        self.write(move |connection, name| {
            if terms.only_absent && exists(connection, name, &key)? {
                return Ok(Swap::Stale);
            }
            let end = terms.lifetime.map(|lifetime| now().saturating_add(whole_ms(lifetime)));
            set(connection, name, &key, &value, end).map(|()| Swap::Done)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.delete_many(vec![key.to_owned()]).await
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        let key = key.to_owned();
        self.read(move |connection, name| exists(connection, name, &key)).await
    }

    async fn keys(&self, prefix: &str, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error> {
        let after = from.map(Cursor::key).transpose()?.filter(|after| *after >= prefix).map(str::to_owned);
        let prefix = prefix.to_owned();
        self.read(move |connection, name| keys(connection, name, &prefix, after.as_deref(), keys_max)).await
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let key = key.to_owned();
        self.write(move |connection, name| {
            let value = get(connection, name, &key)?;
            let sum = number::add(value.as_deref(), delta)?;
            // What is counted on keeps its end; what has ended is begun anew.
            match value {
                Some(_) => replace(connection, name, &key, &number::encode(sum))?,
                None => set(connection, name, &key, &number::encode(sum), None)?,
            }
            Ok(sum)
        })
        .await
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
        let (key, expected) = (key.to_owned(), expected.map(<[u8]>::to_vec));
        self.write(move |connection, name| {
            if get(connection, name, &key)? != expected {
                return Ok(Swap::Stale);
            }
            set(connection, name, &key, &value, None).map(|()| Swap::Done)
        })
        .await
    }

    async fn get_many(&self, keys: Vec<String>, bytes_max: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.read(move |connection, name| {
            // One transaction reads from one moment.
            let transaction = connection.transaction().map_err(failure)?;
            let mut bytes = 0_i64;
            for key in &keys {
                let mut statement = transaction.prepare_cached(SIZE).map_err(failure)?;
                let size: Option<i64> = statement.query_row(params![name, now(), key], |row| row.get(0)).optional().map_err(failure)?;
                bytes = bytes.saturating_add(size.unwrap_or(0));
            }
            if usize::try_from(bytes).is_ok_and(|bytes| bytes > bytes_max) {
                return Err(Error::ResultTooLarge { bytes_max });
            }
            keys.iter().map(|key| get(&transaction, name, key)).collect()
        })
        .await
    }

    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        self.write(move |connection, name| pairs.iter().try_for_each(|(key, value)| set(connection, name, key, value, None))).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        self.write(move |connection, name| {
            let mut statement = connection.prepare_cached(DELETE).map_err(failure)?;
            keys.iter().try_for_each(|key| statement.execute(params![name, key]).map(drop).map_err(failure))
        })
        .await
    }
}

fn get(connection: &Connection, name: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    let mut statement = connection.prepare_cached(GET).map_err(failure)?;
    // Another program may have written text; its bytes are the value then.
    let value = statement.query_row(params![name, now(), key], |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()));
    value.optional().map_err(failure)
}

fn exists(connection: &Connection, name: &str, key: &str) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(EXISTS).map_err(failure)?;
    statement.exists(params![name, now(), key]).map_err(failure)
}

fn set(connection: &Connection, name: &str, key: &str, value: &[u8], end: Option<i64>) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(SET).map_err(failure)?;
    statement.execute(params![name, key, value, end]).map(drop).map_err(failure)
}

fn replace(connection: &Connection, name: &str, key: &str, value: &[u8]) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(REPLACE).map_err(failure)?;
    statement.execute(params![name, key, value]).map(drop).map_err(failure)
}

fn sweep(connection: &Connection) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(SWEEP).map_err(failure)?;
    statement.execute(params![now()]).map(drop).map_err(failure)
}

/// Milliseconds since 1970. By the wall clock, because what ends has to end after a restart too.
fn now() -> i64 {
    i64::try_from(clock::unix_ms()).unwrap_or(i64::MAX)
}

fn keys(connection: &Connection, name: &str, prefix: &str, after: Option<&str>, keys_max: usize) -> Result<Page, Error> {
    let read_max = i64::try_from(keys_max).unwrap_or(i64::MAX).saturating_add(1);
    let (text, start) = after.map_or((KEYS_FROM, prefix), |after| (KEYS_AFTER, after));
    let mut statement = connection.prepare_cached(text).map_err(failure)?;
    let keys = statement.query_map(params![name, now(), start, read_max], |row| row.get::<_, String>(0)).map_err(failure)?;
    // In their order, so those that begin with the prefix are together.
    let found = keys.take_while(|key| key.as_ref().map_or(true, |key| key.starts_with(prefix)));
    Ok(Page::of(found.collect::<Result<_, _>>().map_err(failure)?, keys_max))
}

/// `lifetime` in whole milliseconds, and the one that has begun already.
fn whole_ms(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX).saturating_add(1)
}

/// The error of a store for one of SQLite.
pub(super) fn failure(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => Error::Full,
        _ => Error::Backend { public: sqlite_file::public(&error), internal: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_spin_is_taken_on_and_spin_can_go_on_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let spin = Connection::open(&path).unwrap();
        spin.execute_batch(LAYOUT).unwrap();
        spin.execute_batch("INSERT INTO spin_key_value (store, key, value) VALUES ('default', 'left', 'by Spin')").unwrap();
        for _ in 0..2 {
            let store = File::open(&path).unwrap().store("default");
            assert_eq!(store.get("left").await.unwrap().as_deref(), Some(&b"by Spin"[..]));
            let terms = Terms { lifetime: Some(Duration::from_secs(3_600)), only_absent: false };
            store.set_on(terms, "ending", vec![1]).await.unwrap();
            assert_eq!(store.keys("", None, 10).await.unwrap().keys, ["ending", "left"]);
        }
        spin.execute_batch(LAYOUT).unwrap();
        let rows = spin.query_row("SELECT count(*) FROM spin_key_value WHERE store = 'default'", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows.unwrap(), 2);
    }

    #[tokio::test]
    async fn what_has_ended_is_put_away_by_later_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let file = File::open(&path).unwrap();
        let terms = Terms { lifetime: Some(Duration::from_millis(1)), only_absent: false };
        file.store("one").set_on(terms, "short", vec![1]).await.unwrap();
        while file.store("one").exists("short").await.unwrap() {}
        file.store("other").set("k", vec![1]).await.unwrap();
        let rows = Connection::open(&path).unwrap().query_row("SELECT count(*) FROM spin_key_value", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows.unwrap(), 1);
    }
}
