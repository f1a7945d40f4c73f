//! A connection as one instance sees it: the same for every interface, with the bounds checked and failures told to the operator. It
//! does one command at a time, and ends in the pool when nothing was done to it that the next guest could notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use ::redis::{Cmd, Value, cmd};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::instrument;

use super::answer::{self, Parameter, Part};
use super::grant::{Granted, Place};
use super::pool::{Key, Lease};
use super::{Error, Limits, commands};
use crate::backend::Connector;
use crate::redis_connection::{Address, AnswerBounds, Connection};

/// The operations, as spans and metrics name them.
pub(super) const OPERATIONS: &[&str] = &["open", "publish", "get", "set", "incr", "del", "sadd", "smembers", "srem", "execute"];

/// How long a server may take to accept a connection, and to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An open connection. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Handle(Arc<Inner>);

struct Inner {
    granted: Arc<Granted>,
    address: Address,
    key: Arc<Key>,
    operations: Arc<AtomicU32>,
    connector: Connector,
    current: Mutex<Current>,
    _place: Place,
}

/// What a handle has at the server.
#[derive(Default)]
struct Current {
    lease: Option<Lease>,
    /// Whether the guest did something that the next one would notice, such as choose another database.
    is_changed: bool,
    /// Whether an answer is still to come; found so at the next command, nobody waits for it any more.
    is_busy: bool,
}

impl Handle {
    pub(super) async fn open(
        granted: Arc<Granted>,
        address: Address,
        key: Arc<Key>,
        operations: Arc<AtomicU32>,
        connector: Connector,
        place: Place,
    ) -> Result<Self, Error> {
        let current = Mutex::default();
        let inner = Inner { granted, address, key, operations, connector, current, _place: place };
        let time_max = inner.granted.outbound.limits.operation_time_max;
        let connecting = async { timeout(time_max, inner.connect()).await.unwrap_or(Err(Error::Timeout)) };
        let connected = inner.granted.measured.measure("open", connecting).await?;
        inner.current.lock().await.lease = Some(connected);
        Ok(Self(Arc::new(inner)))
    }

    #[instrument(name = "spin_outbound_redis.publish", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn publish(&self, channel: &str, payload: Vec<u8>) -> Result<(), Error> {
        self.ask("publish", cmd("PUBLISH").arg(channel).arg(payload)).await.map(drop)
    }

    #[instrument(name = "spin_outbound_redis.get", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        answer::read(self.ask("get", cmd("GET").arg(key)).await?)
    }

    #[instrument(name = "spin_outbound_redis.set", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        self.ask("set", cmd("SET").arg(key).arg(value)).await.map(drop)
    }

    #[instrument(name = "spin_outbound_redis.incr", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn incr(&self, key: &str) -> Result<i64, Error> {
        match self.ask("incr", cmd("INCR").arg(key)).await {
            Err(Error::Server(text)) if text.contains("not an integer") => Err(Error::Type),
            answered => answer::read(answered?),
        }
    }

    #[instrument(name = "spin_outbound_redis.del", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn del(&self, keys: &[String]) -> Result<u32, Error> {
        if keys.is_empty() {
            return Ok(0);
        }
        answer::read(self.ask("del", cmd("DEL").arg(keys)).await?)
    }

    #[instrument(name = "spin_outbound_redis.sadd", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn sadd(&self, key: &str, values: &[String]) -> Result<u32, Error> {
        answer::read(self.ask("sadd", cmd("SADD").arg(key).arg(values)).await?)
    }

    #[instrument(name = "spin_outbound_redis.smembers", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn smembers(&self, key: &str) -> Result<Vec<String>, Error> {
        answer::read(self.ask("smembers", cmd("SMEMBERS").arg(key)).await?)
    }

    #[instrument(name = "spin_outbound_redis.srem", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn srem(&self, key: &str, values: &[String]) -> Result<u32, Error> {
        answer::read(self.ask("srem", cmd("SREM").arg(key).arg(values)).await?)
    }

    /// Any command.
    #[instrument(name = "spin_outbound_redis.execute", skip_all, fields(otel.kind = "client", db.system.name = "redis", server.address = %self.0.address.destination.host))]
    pub(super) async fn execute(&self, command: &str, parameters: Vec<Parameter>) -> Result<Vec<Part>, Error> {
        let mut words = cmd(command);
        for parameter in parameters {
            match parameter {
                Parameter::Int64(number) => words.arg(number),
                Parameter::Binary(bytes) => words.arg(bytes),
            };
        }
        answer::parts(self.ask_then("execute", &words, !commands::is_harmless(command)).await?)
    }

    async fn ask(&self, operation: &'static str, command: &Cmd) -> Result<Value, Error> {
        self.ask_then(operation, command, false).await
    }

    /// Sends `command` for `operation` and waits for its answer. `is_changing` says that the connection is not as it was before, whatever comes.
    async fn ask_then(&self, operation: &'static str, command: &Cmd, is_changing: bool) -> Result<Value, Error> {
        let limits = self.limits();
        self.count()?;
        let (bytes, bytes_max) = (command.args_iter().map(argument_bytes).sum(), limits.command_bytes_max);
        if bytes > bytes_max {
            return Err(Error::CommandTooLarge { bytes, bytes_max });
        }
        let asking = async {
            let mut current = self.0.current.lock().await;
            let lease = self.0.ready(&mut current).await?;
            let mut commands = lease.connection.commands();
            (current.is_busy, current.is_changed) = (true, current.is_changed || is_changing);
            let answered = command.query_async(&mut commands).await.map_err(|error| answer::of_error(&error, limits));
            current.is_busy = false;
            if matches!(answered, Err(Error::Lost | Error::AnswerTooLarge { .. })) {
                current.lease = None;
            }
            answered
        };
        let answered = async { timeout(limits.operation_time_max, asking).await.unwrap_or(Err(Error::Timeout)) };
        self.0.granted.measured.measure(operation, answered).await
    }

    fn limits(&self) -> &Limits {
        &self.0.granted.outbound.limits
    }

    fn count(&self) -> Result<(), Error> {
        let operations_max = self.limits().operations_max;
        let one_more = |operations: u32| (operations < operations_max).then_some(operations + 1);
        let counted = self.0.operations.fetch_update(Relaxed, Relaxed, one_more);
        counted.map(drop).map_err(|_| Error::TooManyOperations { operations_max })
    }
}

fn argument_bytes(argument: ::redis::Arg<&[u8]>) -> usize {
    match argument {
        ::redis::Arg::Simple(bytes) => bytes.len(),
        _ => 0,
    }
}

impl Inner {
    /// The connection, or another one where that is not to be noticed.
    async fn ready<'a>(&self, current: &'a mut Current) -> Result<&'a Lease, Error> {
        let is_gone = current.is_busy || current.lease.as_ref().is_none_or(|lease| !lease.connection.is_open());
        if is_gone {
            current.lease = None;
            // A transaction, a subscription or a database went with it; the guest has to know.
            if current.is_changed {
                return Err(Error::Lost);
            }
            current.lease = Some(self.connect().await?);
            current.is_busy = false;
        }
        current.lease.as_ref().ok_or(Error::Lost)
    }

    /// A connection from the pool, or a new one.
    async fn connect(&self) -> Result<Lease, Error> {
        let (pool, limits) = (&self.granted.outbound.pool, &self.granted.outbound.limits);
        if let Some(lease) = pool.lend(&self.key).await {
            return Ok(lease);
        }
        let slot = pool.slot(limits.wait_max).await?;
        let bounds = AnswerBounds { bytes_max: limits.answer_bytes_max, elements_max: limits.answer_elements_max };
        let opened = Connection::open(&self.connector, &self.address.settings, CONNECT_TIMEOUT, bounds).await;
        let connection = opened.map_err(|error| {
            let (component, cause) = (&self.key.component, coracle_base::chain(&error));
            tracing::warn!(component, "`{}` could not be reached: {cause}", self.address.destination);
            Error::Unreachable
        })?;
        Ok(Lease::new(connection, slot))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let current = self.current.get_mut();
        let is_new = !current.is_changed && !current.is_busy;
        if let Some(lease) = current.lease.take().filter(|_| is_new) {
            self.granted.outbound.pool.give_back(&self.key, lease);
        }
    }
}
