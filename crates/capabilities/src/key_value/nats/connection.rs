//! A connection to NATS. The client makes its sockets itself: it is given the addresses that the operator's name has now, except where
//! TLS needs the name. It does not reconnect; a new connection is made instead, so that nothing that was given up is sent later.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::{ConnectOptions, Event, ServerAddr};
use rustls::ClientConfig;
use tokio::sync::watch;

use crate::backend::Connector;
use crate::key_value::Error;

/// How long the server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the client waits for one answer: longer than any operation, whose own bound also replaces the connection.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What a message has beside its value: subject and headers of a conditional write.
const HEADER_BYTES: usize = 256;

/// Where a bucket is.
pub(super) struct Server {
    pub(super) connector: Connector,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) login: Login,
    pub(super) bucket: String,
    pub(super) creates_bucket: bool,
}

/// Who we are to the server.
pub(super) enum Login {
    None,
    Token(String),
    User {
        user: String,
        password: String,
    },
    /// The text of a file of credentials.
    Credentials(String),
}

/// A connection, and the bucket behind it.
pub(super) struct Connection {
    pub(super) bucket: Store,
    client: async_nats::Client,
    is_lost: watch::Receiver<bool>,
}

impl Server {
    /// Connects and finds the bucket.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let (lost, is_lost) = watch::channel(false);
        let lost = Arc::new(lost);
        let told = move |event| {
            let lost = Arc::clone(&lost);
            async move {
                if matches!(event, Event::Disconnected | Event::Closed) {
                    lost.send_replace(true);
                }
            }
        };
        let options = self.options()?.event_callback(told);
        let client = options.connect(self.addresses().await?).await.map_err(|error| coracle_base::chain(&error).to_string())?;
        let jetstream = ContextBuilder::new().timeout(REQUEST_TIMEOUT).ack_timeout(REQUEST_TIMEOUT).build(client.clone());
        let bucket = match jetstream.get_key_value(&self.bucket).await {
            Err(error) if !self.creates_bucket => Err(coracle_base::chain(&error).to_string()),
            Err(_) => {
                jetstream.create_stream(stream(&self.bucket)).await.map_err(|error| coracle_base::chain(&error).to_string())?;
                jetstream.get_key_value(&self.bucket).await.map_err(|error| coracle_base::chain(&error).to_string())
            }
            Ok(bucket) => Ok(bucket),
        };
        Ok(Connection { bucket: bucket?, client, is_lost })
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
        Ok(options.max_reconnects(1).ignore_discovered_servers().retain_servers_order())
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

/// The stream that is the bucket `name`, as every client of NATS makes it. The client's own way asks the server first for things that
/// older ones do not know.
pub(super) fn stream(name: &str) -> Config {
    Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Config::default()
    }
}

impl Connection {
    /// Whether it is connected.
    pub(super) fn is_open(&self) -> bool {
        !*self.is_lost.borrow()
    }

    /// Ends when the connection does.
    pub(super) async fn lost(&self) {
        // That nobody is left to tell of it means the same.
        let _ = self.is_lost.clone().wait_for(|is_lost| *is_lost).await;
    }

    /// Whether the server would take `value`.
    pub(super) fn check(&self, value: &[u8]) -> Result<(), Error> {
        let bytes_max = self.client.max_payload().saturating_sub(HEADER_BYTES);
        if value.len() > bytes_max { Err(Error::ValueTooLarge { bytes: value.len(), bytes_max }) } else { Ok(()) }
    }
}
