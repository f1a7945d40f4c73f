//! Redis, by its channels (`PUBLISH`), which are also what triggers of Redis listen to: whoever listens gets a message, and nobody later.
//! A channel carries neither replies nor metadata.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, RedisConnectionInfo};
use async_trait::async_trait;
use coracle_engine::BindError;
use serde::Deserialize;

use super::{Broker, Error, Message, Replies};
use crate::backend::{Connector, Kind, Link, Opened, Opening};
use crate::redis_connection::{Address, AnswerBounds, Connection};

/// A broker of Redis.
pub(super) const KIND: Kind<dyn Broker> = Kind { types: &["redis"], open };

/// The table of such a broker.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `redis://` or, for TLS, `rediss://`, with user, password, host and port.
    url: String,
    /// Certificates to trust instead of the machine's, as PEM.
    ca_roots_file: Option<PathBuf>,
}

/// How long each step of connecting may take, and the answer to a message.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

struct Redis {
    connector: Connector,
    settings: RedisConnectionInfo,
    link: Link<Connection>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Broker>, BindError> {
    let config: Config = opening.config()?;
    let address =
        Address::parse(&config.url).map_err(|error| opening.refused(&format!("its `url` is not understood: {error}"), "correct it"))?;
    let mut connector = opening.connector(&config.url, "redis")?;
    if address.is_tls {
        connector = connector.with_tls(opening.tls(config.ca_roots_file.as_deref())?);
    }
    let place = format!("redis {}", address.destination);
    Ok(Opened { backend: Arc::new(Redis { connector, settings: address.settings, link: Link::default() }), place })
}

#[async_trait]
impl Broker for Redis {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        if message.reply_to.is_some() || !message.headers.is_empty() {
            return Err(Error::Unsupported("this broker carries neither replies nor metadata"));
        }
        let open = || async {
            let opened = Connection::open(&self.connector, &self.settings, CONNECT_TIMEOUT, AnswerBounds::NONE).await;
            opened.map_err(|error| coracle_base::chain(&error).to_string())
        };
        let connection = self.link.get(Connection::is_open, open).await;
        let connection = connection.map_err(|away| Error::Unavailable { internal: away.to_string() })?;
        let mut command = Cmd::new();
        command.arg("PUBLISH").arg(message.subject).arg(&message.body[..]);
        let published = tokio::time::timeout(ANSWER_TIMEOUT, command.exec_async(&mut connection.commands())).await;
        match published {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.is_io_error() || error.is_connection_dropped() => {
                self.link.forget(&connection);
                Err(Error::Unavailable { internal: coracle_base::chain(&error).to_string() })
            }
            Ok(Err(error)) => Err(Error::Refused { internal: coracle_base::chain(&error).to_string() }),
            Err(_) => {
                self.link.forget(&connection);
                Err(Error::Timeout)
            }
        }
    }

    async fn request(&self, _message: Message, _replies: Replies) -> Result<Vec<Message>, Error> {
        Err(Error::Unsupported("this broker carries no replies"))
    }
}
