//! Stores and databases in two ways: what a guest reaches behind the label `default`, and the same client used by Rust without anything in
//! between. A further one is a line in [`stores`] or [`databases`], and an arm of [`Client`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use anyhow::{Context as _, Result};
use async_nats::jetstream::{self, kv};
use coracle_capabilities::key_value::Store as _;
use coracle_capabilities::key_value::memory::Memory;
use coracle_testkit::servers::{
    Server, mariadb as mariadb_server, nats as nats_server, postgres as postgres_server, redis as redis_server,
};
use mysql_async::prelude::Queryable as _;
use redis::AsyncCommands as _;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// What the guest writes and expects, too.
const VALUE: &[u8] = b"hello from the store, which is as long as many values are";
const KEY: &str = "key";

pub(crate) const MEMORY: &str = "memory";
pub(crate) const SQLITE: &str = "SQLite file";
pub(crate) const REDIS: &str = "Redis";
pub(crate) const NATS: &str = "NATS";
pub(crate) const POSTGRES: &str = "PostgreSQL";
pub(crate) const MARIADB: &str = "MariaDB";

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
    Redis(redis::Client, PerThread<redis::aio::MultiplexedConnection>),
    /// The address, and the bucket over the connections.
    Nats(String, PerThread<kv::Store>),
    Postgres(String),
    Mariadb(mysql_async::Opts),
}

/// The connections to a server, one for each thread.
struct PerThread<T>(tokio::sync::Mutex<HashMap<ThreadId, T>>);

impl<T> Default for PerThread<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T: Clone> PerThread<T> {
    /// The connection of this thread, opened when it is first asked for.
    async fn get(&self, open: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let mut connections = self.0.lock().await;
        Ok(match connections.entry(thread::current().id()) {
            Entry::Occupied(connection) => connection.get().clone(),
            Entry::Vacant(none) => none.insert(open().await?).clone(),
        })
    }
}

/// The client of one task. Those of Redis and of NATS on one thread share a connection.
pub(crate) enum Client {
    Memory(Arc<Memory>),
    Sqlite(Connection),
    Redis(redis::aio::MultiplexedConnection),
    Nats(Box<kv::Store>),
    Postgres(tokio_postgres::Client, tokio_postgres::Statement),
    Mariadb(mysql_async::Conn, mysql_async::Statement),
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
    vec![(MEMORY, Ok(memory)), (SQLITE, sqlite()), (REDIS, redis_store()), (NATS, nats_store())]
}

/// Every SQL database; one that cannot be had comes with the reason.
pub(crate) fn databases(folder: &Path) -> Vec<(&'static str, Result<Backend>)> {
    let sqlite = || -> Result<Backend> {
        let native = folder.join("native-database.db");
        open(&native)?.execute_batch("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO thing VALUES (7, 'a lamp')")?;
        let config = format!("[sqlite_database.default]\ntype = \"sqlite\"\npath = \"{}\"\n", folder.join("database.db").display());
        Ok(Backend { name: SQLITE, config, native: Native::Sqlite(native), grants: Vec::new(), _server: None })
    };
    vec![(SQLITE, sqlite()), (POSTGRES, postgres()), (MARIADB, mariadb())]
}

fn postgres() -> Result<Backend> {
    let server = postgres_server::start()?;
    let url = postgres_server::address(&server);
    Ok(database_at(POSTGRES, "postgres", url.clone(), Native::Postgres(url), server))
}

fn mariadb() -> Result<Backend> {
    let server = mariadb_server::start()?;
    let url = mariadb_server::address(&server);
    // As our own client: over TCP, which the library would leave for the server's socket.
    let options = mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(&url)?).prefer_socket(false).tcp_nodelay(true);
    Ok(database_at(MARIADB, "mysql", url, Native::Mariadb(options.into()), server))
}

/// A database that the guest reaches by its address.
fn database_at(name: &'static str, scheme: &str, url: String, native: Native, server: Server) -> Backend {
    let host = format!("{scheme}://{}", server.place().address());
    // The guest links SQLite too, whose label is then in memory.
    let config = "[sqlite_database.default]\ntype = \"memory\"\n".to_owned();
    let grants = vec![("outbound-hosts", json!([host])), ("environment", json!({ "DATABASE_URL": url }))];
    Backend { name, config, grants, native, _server: Some(server) }
}

fn redis_store() -> Result<Backend> {
    let server = redis_server::start()?;
    let url = format!("redis://{}", server.place().address());
    let native = Native::Redis(redis::Client::open(url.as_str())?, PerThread::default());
    Ok(store_at(REDIS, "redis", &url, native, server))
}

fn nats_store() -> Result<Backend> {
    let server = nats_server::start()?;
    let url = format!("nats://{}", server.place().address());
    Ok(store_at(NATS, "nats", &url, Native::Nats(url.clone(), PerThread::default()), server))
}

/// A store that the operator binds by the address of its server.
fn store_at(name: &'static str, kind: &str, url: &str, native: Native, server: Server) -> Backend {
    let config = format!("[key_value_store.default]\ntype = \"{kind}\"\nurl = \"{url}\"\n");
    Backend { name, config, grants: Vec::new(), native, _server: Some(server) }
}

/// With the settings of our own backend: a write is durable when it is acknowledged.
fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(connection)
}

/// The bucket of the label `default`, which the guest has made when it prepared the store, over a connection of its own.
async fn bucket(url: &str) -> Result<kv::Store> {
    let client = async_nats::connect(url).await.context("NATS gives no connection")?;
    Ok(jetstream::new(client).get_key_value("default").await?)
}

impl Backend {
    /// A client for one task, and what it reads.
    pub(crate) async fn client(&self) -> Result<Client> {
        Ok(match &self.native {
            Native::Memory(memory) => Client::Memory(Arc::clone(memory)),
            Native::Sqlite(path) => Client::Sqlite(open(path)?),
            Native::Redis(client, connections) => {
                let open = async || client.get_multiplexed_async_connection().await.context("Redis gives no connection");
                Client::Redis(connections.get(open).await?)
            }
            Native::Nats(url, buckets) => Client::Nats(Box::new(buckets.get(async || bucket(url).await).await?)),
            Native::Postgres(url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
                tokio::spawn(connection);
                let statement = client.prepare("SELECT name FROM thing WHERE id = $1").await?;
                Client::Postgres(client, statement)
            }
            Native::Mariadb(options) => {
                let mut connection = mysql_async::Conn::new(options.clone()).await?;
                let statement = connection.prep("SELECT name FROM thing WHERE id = ?").await?;
                Client::Mariadb(connection, statement)
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
            (Self::Nats(bucket), Operation::Set) => drop(bucket.put(KEY, VALUE.into()).await?),
            (Self::Nats(bucket), _) => drop(bucket.get(KEY).await?.context("the key has no value")?),
            (Self::Mariadb(connection, statement), _) => {
                let row: Option<String> = connection.exec_first(&*statement, (7,)).await?;
                drop(row.context("there is no row")?);
            }
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
