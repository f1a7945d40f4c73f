//! Connections to NATS, for key-value stores and for messages. The client makes its sockets itself: it is given the addresses that the
//! operator's name has now, except where TLS needs the name. It does not reconnect; a new connection is made instead, so that nothing
//! that was given up is sent later.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use coracle_engine::BindError;
use rustls::ClientConfig;
use tokio::sync::watch;

use crate::backend::{Connector, Opening};
use crate::egress::Destination;

/// How long the server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the client waits for one answer: longer than any operation, whose own bound also replaces the connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a server shows that it is there; a connection to one that does not, twice, is lost.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// What a table of the runtime configuration says of a server.
pub(crate) struct Settings<'a> {
    /// `nats://host:port`, or `tls://host:port`; `user:password@` may stand before the host.
    pub(crate) url: &'a str,
    /// A token.
    pub(crate) token: Option<&'a str>,
    /// A file of credentials, as `nsc` makes it.
    pub(crate) credentials: Option<&'a Path>,
    /// Certificates to trust instead of the machine's, as PEM.
    pub(crate) ca_roots_file: Option<&'a Path>,
}

/// A server, and who we are to it.
pub(crate) struct Server {
    connector: Connector,
    tls: Option<Arc<ClientConfig>>,
    login: Login,
}

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

/// A connection.
pub(crate) struct Connection {
    client: Client,
    jetstream: Context,
    is_lost: watch::Receiver<bool>,
}

impl Server {
    /// The server that `settings` name. It is not connected to.
    ///
    /// # Errors
    /// [`BindError`] when they are not understood.
    pub(crate) fn new(opening: &Opening<'_>, settings: &Settings<'_>) -> Result<Self, BindError> {
        let address: ServerAddr =
            settings.url.parse().map_err(|_| opening.refused("its `url` is not understood", "write `nats://host:port`"))?;
        let tls = match address.scheme() {
            "nats" => None,
            "tls" => Some(opening.tls(settings.ca_roots_file)?),
            _ => return Err(opening.refused("its `url` is not one of `nats://` and `tls://`", "use one of them")),
        };
        let connector = opening.connector(settings.url, "nats")?;
        Ok(Self { connector, tls, login: Login::read(opening, settings, &address)? })
    }

    /// Where it is.
    pub(crate) fn destination(&self) -> &Destination {
        self.connector.destination()
    }

    /// Connects.
    ///
    /// # Errors
    /// Why not, for the operator.
    pub(crate) async fn connect(&self) -> Result<Connection, String> {
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
        let options = self.options()?.event_callback(told);
        let client = options.connect(self.addresses().await?).await.map_err(|error| coracle_base::chain(&error).to_string())?;
        let jetstream = ContextBuilder::new().timeout(REQUEST_TIMEOUT).ack_timeout(REQUEST_TIMEOUT).build(client.clone());
        Ok(Connection { client, jetstream, is_lost })
    }

    fn options(&self) -> Result<ConnectOptions, String> {
        let mut options = match &self.login {
            Login::None => ConnectOptions::new(),
            Login::Token(token) => ConnectOptions::with_token(token.clone()),
            Login::User { user, password } => ConnectOptions::with_user_and_password(user.clone(), password.clone()),
            Login::Credentials(text) => ConnectOptions::with_credentials(text).map_err(|error| error.to_string())?,
        };
        if let Some(tls) = &self.tls {
            options = options.tls_client_config(ClientConfig::clone(tls)).require_tls(true);
        }
        let options = options.name("coracle").connection_timeout(CONNECT_TIMEOUT).request_timeout(Some(REQUEST_TIMEOUT));
        // Servers that the first one tells of were not chosen by the operator.
        Ok(options.ping_interval(PING_INTERVAL).max_reconnects(1).ignore_discovered_servers().retain_servers_order())
    }

    async fn addresses(&self) -> Result<Vec<ServerAddr>, String> {
        let addresses = if self.tls.is_some() {
            vec![format!("tls://{}:{}", self.destination().host, self.destination().port)]
        } else {
            let found = self.connector.addresses().await.map_err(|error| coracle_base::chain(&error).to_string())?;
            found.into_iter().map(|address| format!("nats://{address}")).collect()
        };
        addresses.iter().map(|address| address.parse().map_err(|error: std::io::Error| error.to_string())).collect()
    }
}

impl Login {
    fn read(opening: &Opening<'_>, settings: &Settings<'_>, address: &ServerAddr) -> Result<Self, BindError> {
        let user = address.username().map(|user| (user.to_owned(), address.password().unwrap_or_default().to_owned()));
        match (user, settings.token, settings.credentials) {
            (None, None, None) => Ok(Self::None),
            (None, Some(token), None) => Ok(Self::Token(token.to_owned())),
            (Some((user, password)), None, None) => Ok(Self::User { user, password }),
            (None, None, Some(file)) => {
                let path = opening.path(file);
                let read = std::fs::read_to_string(&path).map_err(|source| BindError::Backend {
                    what: format!("{}, the `credentials` of {},", path.display(), opening.what()),
                    remedy: "name a file that can be read".to_owned(),
                    source: Box::new(source),
                });
                Ok(Self::Credentials(read?))
            }
            _ => Err(opening.refused("it has more than one of `token`, `credentials` and a user in `url`", "keep one")),
        }
    }
}

impl Connection {
    /// The client, whose requests wait for a server that is gone; see [`Connection::lost`].
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What speaks to JetStream over it.
    pub(crate) fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// Whether it is connected.
    pub(crate) fn is_open(&self) -> bool {
        !*self.is_lost.borrow()
    }

    /// Ends when the connection does.
    pub(crate) async fn lost(&self) {
        // That nobody is left to tell of it means the same.
        let _ = self.is_lost.clone().wait_for(|is_lost| *is_lost).await;
    }
}
