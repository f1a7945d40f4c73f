//! NATS: published at most once, or into a stream of JetStream that has acknowledged it; replies through an inbox. As with stores in
//! NATS, the client gets the addresses that the operator's name has now, and a connection that is lost is replaced by a new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{ContextBuilder, PublishError, PublishErrorKind};
use async_nats::{Client, ConnectOptions, Event, HeaderMap, ServerAddr, StatusCode};
use async_trait::async_trait;
use coracle_engine::BindError;
use futures::StreamExt as _;
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::sync::watch;

use super::local::gather;
use super::{Broker, Error, Message, Replies};
use crate::backend::{Connector, Kind, Link, Opened, Opening};

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

/// How long the server may take to accept a connection, and a stream to acknowledge.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(8);
/// How often a server shows that it is there; one that does not twice has gone.
const PING_INTERVAL: Duration = Duration::from_secs(5);

struct Nats {
    connector: Connector,
    tls: Option<Arc<ClientConfig>>,
    login: Login,
    is_durable: bool,
    link: Link<Connection>,
}

/// Who we are to the server.
enum Login {
    None,
    Token(String),
    User {
        user: String,
        password: String,
    },
    /// The text of a file of credentials.
    Credentials(String),
}

struct Connection {
    client: Client,
    jetstream: Context,
    is_lost: watch::Receiver<bool>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Broker>, BindError> {
    let config: Config = opening.config()?;
    let address: ServerAddr = config.url.parse().map_err(|_| opening.refused("its `url` is not understood", "write `nats://host:port`"))?;
    let tls = match address.scheme() {
        "nats" => None,
        "tls" => Some(opening.tls(config.ca_roots_file.as_deref())?),
        _ => return Err(opening.refused("its `url` is not one of `nats://` and `tls://`", "use one of them")),
    };
    let connector = opening.connector(&config.url, "nats")?;
    let user = address.username().map(|user| (user.to_owned(), address.password().unwrap_or_default().to_owned()));
    let login = match (user, config.token, config.credentials) {
        (None, None, None) => Login::None,
        (None, Some(token), None) => Login::Token(token),
        (Some((user, password)), None, None) => Login::User { user, password },
        (None, None, Some(file)) => Login::Credentials(read(opening, &opening.path(&file))?),
        _ => return Err(opening.refused("it has more than one of `token`, `credentials` and a user in `url`", "keep one")),
    };
    let kind = if config.jetstream { "nats jetstream" } else { "nats" };
    let place = format!("{kind} {}", connector.destination());
    let nats = Nats { connector, tls, login, is_durable: config.jetstream, link: Link::default() };
    Ok(Opened { backend: Arc::new(nats), place })
}

fn read(opening: &Opening<'_>, path: &std::path::Path) -> Result<String, BindError> {
    std::fs::read_to_string(path).map_err(|source| BindError::Backend {
        what: format!("{}, the `credentials` of {},", path.display(), opening.what()),
        remedy: "name a file that can be read".to_owned(),
        source: Box::new(source),
    })
}

impl Nats {
    /// Does `work` with a connection, as long as it lasts: the client would wait for a server that is gone. A server that does not take a
    /// message in time gets a new connection for the next one, as the old one may be dead without a sign.
    async fn with_connection<T, F>(&self, work: impl FnOnce(Arc<Connection>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let connection = self.link.get(Connection::is_open, || self.connect()).await;
        let connection = connection.map_err(|away| Error::Unavailable { internal: away.to_string() })?;
        let mut is_lost = connection.is_lost.clone();
        let done = tokio::select! {
            done = work(Arc::clone(&connection)) => done,
            // That nobody is left to tell of it means the same.
            _ = is_lost.wait_for(|is_lost| *is_lost) => Err(lost()),
        };
        if matches!(done, Err(Error::Unavailable { .. })) {
            self.link.forget(&connection);
        }
        done
    }

    async fn connect(&self) -> Result<Connection, String> {
        let text = |error: &(dyn std::error::Error + 'static)| coracle_base::chain(error).to_string();
        let (lost, is_lost) = watch::channel(false);
        let lost = Arc::new(lost);
        let told = move |event| {
            let lost = Arc::clone(&lost);
            async move {
                match event {
                    Event::Disconnected | Event::Closed => drop(lost.send_replace(true)),
                    Event::ServerError(error) => tracing::warn!("NATS refuses something: {error}"),
                    _ => {}
                }
            }
        };
        let mut options = match &self.login {
            Login::None => ConnectOptions::new(),
            Login::Token(token) => ConnectOptions::with_token(token.clone()),
            Login::User { user, password } => ConnectOptions::with_user_and_password(user.clone(), password.clone()),
            Login::Credentials(credentials) => ConnectOptions::with_credentials(credentials).map_err(|error| text(&error))?,
        };
        if let Some(tls) = &self.tls {
            options = options.tls_client_config(ClientConfig::clone(tls)).require_tls(true);
        }
        let options = options.name("coracle").connection_timeout(CONNECT_TIMEOUT).request_timeout(Some(ACKNOWLEDGE_TIMEOUT));
        // Servers that the first one tells of were not chosen by the operator.
        let options =
            options.ping_interval(PING_INTERVAL).max_reconnects(1).ignore_discovered_servers().retain_servers_order().event_callback(told);
        let client = options.connect(self.addresses().await?).await.map_err(|error| text(&error))?;
        let jetstream = ContextBuilder::new().timeout(ACKNOWLEDGE_TIMEOUT).ack_timeout(ACKNOWLEDGE_TIMEOUT).build(client.clone());
        Ok(Connection { client, jetstream, is_lost })
    }

    async fn addresses(&self) -> Result<Vec<ServerAddr>, String> {
        let addresses = if self.tls.is_some() {
            vec![format!("tls://{}:{}", self.connector.destination().host, self.connector.destination().port)]
        } else {
            let found = self.connector.addresses().await.map_err(|error| coracle_base::chain(&error).to_string())?;
            found.into_iter().map(|address| format!("nats://{address}")).collect()
        };
        addresses.iter().map(|address| address.parse().map_err(|error: std::io::Error| error.to_string())).collect()
    }
}

impl Connection {
    fn is_open(&self) -> bool {
        !*self.is_lost.borrow()
    }

    fn check(&self, message: &Message) -> Result<(), Error> {
        let headers = message.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_BYTES);
        let bytes_max = self.client.max_payload().saturating_sub(headers.sum::<usize>().saturating_add(HEADER_BYTES));
        let bytes = message.body.len();
        if bytes > bytes_max { Err(Error::TooLarge { bytes, bytes_max }) } else { Ok(()) }
    }
}

/// What one header has beside its name and value, and all of them together.
const HEADER_BYTES: usize = 16;

#[async_trait]
impl Broker for Nats {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        let is_stored = self.is_durable && message.reply_to.is_none() && !message.subject.starts_with(INBOX);
        self.with_connection(|connection| async move {
            connection.check(&message)?;
            let Message { subject, body, reply_to, headers } = message;
            let headers = header_map(headers)?;
            if is_stored {
                let sent = connection.jetstream.publish_with_headers(subject, headers, body).await.map_err(|error| unstored(&error))?;
                return sent.await.map(drop).map_err(|error| unstored(&error));
            }
            let client = &connection.client;
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
            connection.check(&message)?;
            let Message { subject, body, headers, .. } = message;
            let headers = header_map(headers)?;
            let client = &connection.client;
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
