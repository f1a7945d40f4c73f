//! NATS: published at most once, or into a stream of JetStream that has acknowledged it; replies through an inbox.

use std::path::PathBuf;
use std::sync::Arc;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::{Client, HeaderMap, StatusCode};
use async_trait::async_trait;
use coracle_engine::BindError;
use futures::StreamExt as _;
use serde::Deserialize;

use super::local::gather;
use super::{Broker, Error, Message, Replies};
use crate::backend::{Kind, Link, Opened, Opening};
use crate::nats_connection::{Connection, Server, Settings};

/// A broker of NATS.
pub(super) const KIND: Kind<dyn Broker> = Kind { types: &["nats"], open };

/// The table of such a broker.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// `nats://host:port`, or `tls://host:port`; `user:password@` may stand before the host.
    url: String,
    /// A token.
    token: Option<String>,
    /// A file of credentials, as `nsc` makes it.
    credentials: Option<PathBuf>,
    /// Whether a message is published when a stream of JetStream has it on disk; its subject must belong to one.
    #[serde(default)]
    jetstream: bool,
    /// Certificates to trust instead of the machine's, as PEM.
    ca_roots_file: Option<PathBuf>,
}

struct Nats {
    server: Server,
    is_durable: bool,
    link: Link<Connection>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Broker>, BindError> {
    let config: Config = opening.config()?;
    let settings = Settings {
        url: &config.url,
        token: config.token.as_deref(),
        credentials: config.credentials.as_deref(),
        ca_roots_file: config.ca_roots_file.as_deref(),
    };
    let server = Server::new(opening, &settings)?;
    let kind = if config.jetstream { "nats jetstream" } else { "nats" };
    let place = format!("{kind} {}", server.destination());
    Ok(Opened { backend: Arc::new(Nats { server, is_durable: config.jetstream, link: Link::default() }), place })
}

impl Nats {
    /// Does `work` with a connection, as long as it lasts: the client would wait for a server that is gone. A server that does not take a
    /// message in time gets a new connection for the next one, as the old one may be dead without a sign.
    async fn with_connection<T, F>(&self, work: impl FnOnce(Arc<Connection>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let connection = self.link.get(Connection::is_open, || self.server.connect()).await;
        let connection = connection.map_err(|away| Error::Unavailable { internal: away.to_string() })?;
        let done = tokio::select! {
            done = work(Arc::clone(&connection)) => done,
            () = connection.lost() => Err(lost()),
        };
        if matches!(done, Err(Error::Unavailable { .. })) {
            self.link.forget(&connection);
        }
        done
    }
}

/// Whether the server takes a message of this size.
fn check(client: &Client, message: &Message) -> Result<(), Error> {
    let headers = message.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_BYTES);
    let bytes_max = client.max_payload().saturating_sub(headers.sum::<usize>().saturating_add(HEADER_BYTES));
    let bytes = message.body.len();
    if bytes > bytes_max { Err(Error::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}

/// What one header has beside its name and value, and all of them together.
const HEADER_BYTES: usize = 16;

#[async_trait]
impl Broker for Nats {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        let is_stored = self.is_durable && message.reply_to.is_none() && !message.subject.starts_with(INBOX);
        self.with_connection(|connection| async move {
            check(connection.client(), &message)?;
            let Message { subject, body, reply_to, headers } = message;
            let headers = header_map(headers)?;
            if is_stored {
                let sent = connection.jetstream().publish_with_headers(subject, headers, body).await.map_err(|error| unstored(&error))?;
                return sent.await.map(drop).map_err(|error| unstored(&error));
            }
            let client = connection.client();
            match reply_to {
                Some(reply_to) => client.publish_with_reply_and_headers(subject, reply_to, headers, body).await,
                None => client.publish_with_headers(subject, headers, body).await,
            }
            .map_err(|error| refused(&error))?;
            client.flush().await.map_err(|_| lost())
        })
        .await
    }

    async fn request(&self, message: Message, replies: Replies) -> Result<Vec<Message>, Error> {
        self.with_connection(|connection| async move {
            check(connection.client(), &message)?;
            let Message { subject, body, headers, .. } = message;
            let headers = header_map(headers)?;
            let client = connection.client();
            let inbox = client.new_inbox();
            let subscription = client.subscribe(inbox.clone()).await.map_err(|_| lost())?;
            client.publish_with_reply_and_headers(subject, inbox, headers, body).await.map_err(|error| refused(&error))?;
            client.flush().await.map_err(|_| lost())?;
            let messages = subscription.map(|reply| match reply.status {
                Some(StatusCode::NO_RESPONDERS) => Err(Error::NoResponders),
                _ => Ok(received(reply)),
            });
            gather(replies, messages.boxed()).await
        })
        .await
    }
}

/// What the inboxes of those who wait for replies begin with: no stream has them.
const INBOX: &str = "_INBOX.";

fn lost() -> Error {
    Error::Unavailable { internal: "the connection was lost".to_owned() }
}

/// Why a stream did not acknowledge.
fn unstored(error: &PublishError) -> Error {
    let internal = coracle_base::chain(error).to_string();
    match error.kind() {
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Error::Unavailable { internal },
        _ => Error::Refused { internal },
    }
}

fn refused(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::Refused { internal: coracle_base::chain(error).to_string() }
}

fn header_map(headers: Vec<(String, String)>) -> Result<HeaderMap, Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let unsupported = Error::Unsupported("this broker does not take such metadata");
        let name: async_nats::HeaderName = name.parse().map_err(|_| unsupported.clone())?;
        let value: async_nats::HeaderValue = value.parse().map_err(|_| unsupported)?;
        map.append(name, value);
    }
    Ok(map)
}

pub(super) fn received(message: async_nats::Message) -> Message {
    let headers = message.headers.iter().flat_map(HeaderMap::iter);
    let headers = headers.flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.to_string()))).collect();
    Message {
        subject: message.subject.to_string(),
        body: message.payload,
        reply_to: message.reply.map(|reply_to| reply_to.to_string()),
        headers,
    }
}
