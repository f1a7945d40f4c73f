//! Stores and databases in two ways: what a guest reaches behind the label `default`, and the same client used by Rust without anything in
//! between. A further one is a line in [`stores`] or [`databases`], and an arm of [`Client`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use anyhow::{Context as _, Result};
use coracle_capabilities::key_value::Store as _;
use coracle_capabilities::key_value::memory::Memory;
use coracle_testkit::servers::{Server, postgres as postgres_server, redis as redis_server};
use redis::AsyncCommands as _;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// What the guest writes and expects, too.
const VALUE: &[u8] = b"hello from the store, which is as long as many values are";
const KEY: &str = "key";

pub(crate) const MEMORY: &str = "memory";
pub(crate) const SQLITE: &str = "SQLite file";
pub(crate) const REDIS: &str = "Redis";
pub(crate) const POSTGRES: &str = "PostgreSQL";

/// One backend.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    /// The runtime configuration that binds the label `default` to it.
    pub(crate) config: String,
    /// What the guest is granted besides that label.
    pub(crate) grants: Vec<(&'static str, Value)>,
    native: Native,
    /// It runs as long as it is measured.
    _server: Option<Server>,
}

/// What clients are made from.
enum Native {
    Memory(Arc<Memory>),
    Sqlite(std::path::PathBuf),
    Redis(Box<Connections>),
    Postgres(String),
}

/// The connections to Redis, one for each thread.
struct Connections {
    client: redis::Client,
    open: tokio::sync::Mutex<HashMap<ThreadId, redis::aio::MultiplexedConnection>>,
}

impl Connections {
    /// The connection of this thread.
    async fn of_thread(&self) -> Result<redis::aio::MultiplexedConnection> {
        let mut open = self.open.lock().await;
        Ok(match open.entry(thread::current().id()) {
            Entry::Occupied(open) => open.get().clone(),
            Entry::Vacant(none) => {
                let opened = self.client.get_multiplexed_async_connection().await.context("Redis gives no connection")?;
                none.insert(opened).clone()
            }
        })
    }
}

/// The client of one task. Those of Redis on one thread share a connection, as guests do.
pub(crate) enum Client {
    Memory(Arc<Memory>),
    Sqlite(Connection),
    Redis(redis::aio::MultiplexedConnection),
    Postgres(tokio_postgres::Client, tokio_postgres::Statement),
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set,
    /// A SELECT of one row by its key.
    Row,
}

impl Operation {
    /// The word for it, which is the beginning of the guest's path.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Row => "row",
        }
    }
}

/// Every key-value store; one that cannot be had comes with the reason.
pub(crate) fn stores(folder: &Path) -> Vec<(&'static str, Result<Backend>)> {
    let sqlite = || -> Result<Backend> {
        let native = folder.join("native-store.db");
        open(&native)?.execute_batch("CREATE TABLE store (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")?;
        let config = format!("[key_value_store.default]\ntype = \"sqlite\"\npath = \"{}\"\n", folder.join("store.db").display());
        Ok(Backend { name: SQLITE, config, native: Native::Sqlite(native), grants: Vec::new(), _server: None })
    };
    let config = "[key_value_store.default]\ntype = \"memory\"\n".to_owned();
    let memory = Backend { name: MEMORY, config, native: Native::Memory(Arc::default()), grants: Vec::new(), _server: None };
    vec![(MEMORY, Ok(memory)), (SQLITE, sqlite()), (REDIS, redis_store())]
}

/// Every SQL database; one that cannot be had comes with the reason.
pub(crate) fn databases(folder: &Path) -> Vec<(&'static str, Result<Backend>)> {
    let sqlite = || -> Result<Backend> {
        let native = folder.join("native-database.db");
        open(&native)?.execute_batch("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO thing VALUES (7, 'a lamp')")?;
        let config = format!("[sqlite_database.default]\ntype = \"sqlite\"\npath = \"{}\"\n", folder.join("database.db").display());
        Ok(Backend { name: SQLITE, config, native: Native::Sqlite(native), grants: Vec::new(), _server: None })
    };
    vec![(SQLITE, sqlite()), (POSTGRES, postgres())]
}

fn postgres() -> Result<Backend> {
    let server = postgres_server::start()?;
    let (url, host) = (postgres_server::address(&server), format!("postgres://{}", server.place().address()));
    // The guest links SQLite too, whose label is then in memory.
    let config = "[sqlite_database.default]\ntype = \"memory\"\n".to_owned();
    let grants = vec![("outbound-hosts", json!([host])), ("environment", json!({ "DATABASE_URL": url }))];
    Ok(Backend { name: POSTGRES, config, grants, native: Native::Postgres(url), _server: Some(server) })
}

fn redis_store() -> Result<Backend> {
    let server = redis_server::start()?;
    let url = format!("redis://{}", server.place().address());
    let client = redis::Client::open(url.as_str())?;
    let config = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
    Ok(Backend {
        name: REDIS,
        config,
        native: Native::Redis(Box::new(Connections { client, open: Default::default() })),
        grants: Vec::new(),
        _server: Some(server),
    })
}

/// With the settings of our own backend: a write is durable when it is acknowledged.
fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(connection)
}

impl Backend {
    /// A client for one task, and what it reads.
    pub(crate) async fn client(&self) -> Result<Client> {
        Ok(match &self.native {
            Native::Memory(memory) => Client::Memory(Arc::clone(memory)),
            Native::Sqlite(path) => Client::Sqlite(open(path)?),
            Native::Redis(connections) => Client::Redis(connections.of_thread().await?),
            Native::Postgres(url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                let statement = client.prepare("SELECT name FROM thing WHERE id = $1").await?;
                Client::Postgres(client, statement)
            }
        })
    }
}

impl Client {
    /// Does `operation` once.
    pub(crate) async fn perform(&mut self, operation: Operation) -> Result<()> {
        match (self, operation) {
            (Self::Memory(store), Operation::Set) => store.set(KEY, VALUE.to_vec()).await?,
            (Self::Memory(store), _) => drop(store.get(KEY).await?.context("the key has no value")?),
            (Self::Redis(connection), Operation::Set) => connection.set::<_, _, ()>(KEY, VALUE).await?,
            (Self::Redis(connection), _) => drop(connection.get::<_, Option<Vec<u8>>>(KEY).await?.context("the key has no value")?),
            (Self::Postgres(client, statement), _) => drop(client.query_one(statement, &[&7_i32]).await?),
            (Self::Sqlite(connection), Operation::Get) => {
                let mut statement = connection.prepare_cached("SELECT value FROM store WHERE key = ?1")?;
                drop(statement.query_row(params![KEY], |row| row.get::<_, Vec<u8>>(0))?);
            }
            (Self::Sqlite(connection), Operation::Set) => {
                let insert = "INSERT INTO store VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
                connection.prepare_cached(insert)?.execute(params![KEY, VALUE])?;
            }
            (Self::Sqlite(connection), Operation::Row) => {
                let mut statement = connection.prepare_cached("SELECT name FROM thing WHERE id = ?1")?;
                drop(statement.query_row(params![7], |row| row.get::<_, String>(0))?);
            }
        }
        Ok(())
    }
}
