//! A store in Redis: each key is a string of the server's database, as Spin has it, after the label's `prefix` if there is one. What
//! has to be atomic is one command or one script; there is no state on the connections, which all instances share.

mod config;

pub(super) use config::{KIND, keep_apart};

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, RedisConnectionInfo, RedisError, Script, ScriptInvocation, Value, cmd};
use async_trait::async_trait;
use tokio::time::timeout;

use super::listing::{Listings, Window};
use super::{AWAY, Cursor, Error, LATE, Limits, Page, Store, Swap, Terms};
use crate::backend::{Away, Connector, Link};
use crate::redis_connection::{AnswerBounds, Connection};

/// How long the server may take to accept a connection, and to answer an operation altogether.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections to one server. A thread always uses the same one, so that its answers need not wake another thread.
const LINKS: usize = 8;

/// Keys that the server looks at for one step of a listing.
const SCAN_COUNT: usize = 1_000;

static INCREMENT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("increment.lua")));
static SWAP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("swap.lua")));
static GET_MANY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("get_many.lua")));

/// A store in Redis.
pub(super) struct Redis {
    connector: Connector,
    settings: RedisConnectionInfo,
    prefix: String,
    links: [Link<Connection>; LINKS],
    listings: Listings,
}

/// What the server is asked.
enum Question<'a> {
    Command(&'a Cmd),
    Script(ScriptInvocation<'a>),
}

impl Redis {
    /// The store of the keys that begin with `prefix`. Connects when it is first used.
    pub(super) fn new(connector: Connector, settings: RedisConnectionInfo, prefix: String) -> Self {
        Self { connector, settings, prefix, links: Default::default(), listings: Listings::default() }
    }

    fn name(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }

    async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.ask(Question::Command(command)).await
    }

    /// Asks once: what became of a command whose answer is lost nobody knows, so it is an error and not another try.
    async fn ask<T: FromRedisValue>(&self, question: Question<'_>) -> Result<T, Error> {
        let link = self.link();
        let mut connection = None;
        let asking = async {
            let open = || async {
                let opened = Connection::open(&self.connector, &self.settings, CONNECT_TIMEOUT, AnswerBounds::NONE).await;
                opened.map_err(|error| coracle_base::chain(&error).to_string())
            };
            let connection = connection.insert(link.get(Connection::is_open, open).await?);
            let mut commands = connection.commands();
            let answer: Value = match &question {
                Question::Command(command) => command.query_async(&mut commands).await?,
                Question::Script(script) => script.invoke_async(&mut commands).await?,
            };
            Ok(::redis::from_redis_value(answer).map_err(RedisError::from)?)
        };
        match timeout(ANSWER_TIMEOUT, asking).await {
            Ok(answered) => answered,
            Err(_) => {
                // The connection may be dead without a sign; the next operation finds out with a new one.
                connection.iter().for_each(|connection| link.forget(connection));
                Err(Error::Backend { public: LATE, internal: format!("no answer in {ANSWER_TIMEOUT:?}") })
            }
        }
    }

    /// The connection of this thread.
    fn link(&self) -> &Link<Connection> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static THREAD: usize = THREADS.fetch_add(1, Relaxed));
        let [first, ..] = &self.links;
        self.links.get(THREAD.with(|number| number % LINKS)).unwrap_or(first)
    }

    /// Offers every key that begins with `prefix` to `window`.
    async fn scan(&self, prefix: &str, window: &mut Window) -> Result<(), Error> {
        let pattern = [literal(&self.prefix), literal(prefix), "*".to_owned()].concat();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCAN_COUNT);
            let (next, names): (String, Vec<Vec<u8>>) = self.command(&scan).await?;
            // A name that is no text was made by another program, and no guest could ask for it.
            let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
            names.filter_map(|name| name.strip_prefix(&self.prefix).map(str::to_owned)).for_each(|key| window.offer(key));
            if next == "0" {
                window.finish();
                return Ok(());
            }
            cursor = next;
        }
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        // A range, so that no value that another program left makes an answer without a bound.
        let bytes_max = Limits::default().value_bytes_max;
        let mut range = cmd("GETRANGE");
        range.arg(self.name(key)).arg(0).arg(bytes_max);
        let value: Vec<u8> = self.command(&range).await?;
        if value.len() > bytes_max {
            return Err(Error::ResultTooLarge { bytes_max });
        }
        // An absent key looks like an empty value. What is there now may not have been a moment ago, so it is read again, as a whole.
        if !value.is_empty() || !self.exists(key).await? {
            return Ok(Some(value).filter(|value| !value.is_empty()));
        }
        Ok(self.get_many(vec![key.to_owned()], bytes_max).await?.pop().flatten())
    }

    async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.command(cmd("SET").arg(self.name(key)).arg(value)).await
    }

    async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error> {
        let mut set = cmd("SET");
        set.arg(self.name(key)).arg(value);
        if let Some(lifetime) = terms.lifetime {
            set.arg("PX").arg(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
        }
        if terms.only_absent {
            set.arg("NX");
        }
        let is_set: bool = self.command(&set).await?;
        Ok(if is_set { Swap::Done } else { Swap::Stale })
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.command(cmd("DEL").arg(self.name(key))).await
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.command(cmd("EXISTS").arg(self.name(key))).await
    }

    async fn keys(&self, prefix: &str, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error> {
        let mut window = self.listings.resume(prefix, from)?;
        if window.is_unread() {
            self.scan(prefix, &mut window).await?;
        }
        Ok(self.listings.page(window, keys_max))
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let mut script = INCREMENT.key(self.name(key));
        script.arg(delta).arg(delta.to_le_bytes().as_slice());
        let (what, sum): (u8, Option<Vec<u8>>) = match self.ask(Question::Script(script)).await? {
            Value::Array(mut answer) if answer.len() == 1 => (read(answer.pop())?, None),
            answer => read(Some(answer))?,
        };
        let sum = sum.unwrap_or_default();
        let unexpected = || unexpected("the sum is no number");
        match what {
            0 => Ok(i64::from_le_bytes(sum.try_into().map_err(|_| unexpected())?)),
            1 => String::from_utf8(sum).ok().and_then(|text| text.parse().ok()).ok_or_else(unexpected),
            2 => Err(Error::NotANumber),
            _ => Err(Error::Overflow),
        }
    }

    async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
        let mut script = SWAP.key(self.name(key));
        script.arg(i32::from(expected.is_some())).arg(expected.unwrap_or_default()).arg(value);
        let is_done: bool = self.ask(Question::Script(script)).await?;
        Ok(if is_done { Swap::Done } else { Swap::Stale })
    }

    async fn get_many(&self, keys: Vec<String>, bytes_max: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let mut script = GET_MANY.prepare_invoke();
        for key in &keys {
            script.key(self.name(key));
        }
        script.arg(bytes_max);
        match self.ask(Question::Script(script)).await? {
            Value::Int(_) => Err(Error::ResultTooLarge { bytes_max }),
            values => read(Some(values)),
        }
    }

    async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        if pairs.is_empty() {
            return Ok(());
        }
        let mut set = cmd("MSET");
        for (key, value) in pairs {
            set.arg(self.name(&key)).arg(value);
        }
        self.command(&set).await
    }

    async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        self.command(cmd("DEL").arg(keys.iter().map(|key| self.name(key)).collect::<Vec<_>>())).await
    }
}

fn read<T: FromRedisValue>(value: Option<Value>) -> Result<T, Error> {
    Ok(::redis::from_redis_value(value.unwrap_or_default()).map_err(RedisError::from)?)
}

fn unexpected(what: &str) -> Error {
    Error::Backend { public: "the storage failed", internal: what.to_owned() }
}

/// A pattern that matches `text` and nothing else.
fn literal(text: &str) -> String {
    let escaped = |letter| if matches!(letter, '*' | '?' | '[' | ']' | '\\') { vec!['\\', letter] } else { vec![letter] };
    text.chars().flat_map(escaped).collect()
}

impl From<Away> for Error {
    fn from(away: Away) -> Self {
        Self::Backend { public: AWAY, internal: away.to_string() }
    }
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        let public = match error.code() {
            Some("OOM") => return Self::Full,
            Some("WRONGTYPE") => "the key holds no value but a collection of them",
            Some("MISCONF" | "READONLY" | "NOPERM") => "the storage cannot be written to",
            Some("LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN") => "the storage is busy; try again",
            _ if error.is_io_error() || error.is_unrecoverable_error() => "the storage was lost before it answered",
            _ => "the storage failed",
        };
        Self::Backend { public, internal: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
