//! One connection to Redis, and the task that drives it, which ends with it.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use tokio::task::JoinHandle;

use super::bounded::{AnswerBounds, Bounded};
use crate::backend::{Connector, ConnectorError};

/// Commands that wait to be written; who comes then waits for a place.
const WAITING_MAX: usize = 256;

/// A connection.
pub(crate) struct Connection {
    commands: MultiplexedConnection,
    driver: Driver,
}

/// The task that reads and writes. The client stops by itself only when everything that was sent is answered, which a server that
/// hangs never does.
struct Driver(JoinHandle<()>);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The server cannot be reached.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// It does not answer.
    #[error("`{0}` accepted the connection and does not answer")]
    Timeout(String),
    /// It refuses who we are, or what we want to use.
    #[error("`{destination}` refused the connection's settings; check user, password and database")]
    Server {
        /// Where to.
        destination: String,
        /// What it said.
        source: RedisError,
    },
}

impl Connection {
    /// Connects and logs in. `timeout` bounds each step.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) async fn open(
        connector: &Connector,
        settings: &RedisConnectionInfo,
        timeout: Duration,
        bounds: AnswerBounds,
    ) -> Result<Self, OpenError> {
        let stream = Bounded::new(connector.connect(timeout).await?, bounds);
        let destination = || connector.destination().to_string();
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(WAITING_MAX);
        let ready = tokio::time::timeout(timeout, MultiplexedConnection::new_with_config(settings, stream, config)).await;
        let ready = ready.map_err(|_| OpenError::Timeout(destination()))?;
        let (commands, driver) = ready.map_err(|source| OpenError::Server { destination: destination(), source })?;
        Ok(Self { commands, driver: Driver(tokio::spawn(driver)) })
    }

    /// Whether the server has not closed it.
    pub(crate) fn is_open(&self) -> bool {
        !self.driver.0.is_finished()
    }

    /// Where commands are given to it. Not to be kept for longer than the connection.
    pub(crate) fn commands(&self) -> MultiplexedConnection {
        self.commands.clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
