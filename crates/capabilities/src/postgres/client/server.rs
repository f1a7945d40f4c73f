//! One server as one component reaches it, and what the clients of an app share.

use std::sync::Arc;

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::address::{Address, TlsUse};
use super::framing::Framing;
use super::link::Link;
use super::session::Held;
use crate::backend::{Connector, ConnectorError, Full, Pool, Stream};
use crate::postgres::{Database, Error, Limits, Session};
use crate::tls::{self, Trust};

/// What asks a server for TLS, and what it answers when it is willing.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const TLS_WILLING: u8 = b'S';

/// What the clients of an app share.
pub(in crate::postgres) struct Clients {
    pub(super) pool: Arc<Pool<Arc<Link>>>,
    limits: Arc<Limits>,
    trust: Trust,
}

/// The certificates that are trusted to vouch for a server.
#[derive(Clone)]
pub(in crate::postgres) struct Roots {
    config: Arc<ClientConfig>,
    /// What tells them from others.
    name: Arc<str>,
}

/// A server as one component reaches it.
pub(in crate::postgres) struct Server {
    pub(super) clients: Arc<Clients>,
    pub(super) place: String,
    key: Arc<str>,
    address: Address,
    connector: Connector,
    roots: Option<Roots>,
}

impl Clients {
    pub(in crate::postgres) fn new(connections_max: usize, limits: Limits, trust: Trust) -> Self {
        Self { pool: Pool::new("outbound_pg", connections_max), limits: Arc::new(limits), trust }
    }

    /// The bounds of every client.
    pub(in crate::postgres) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    async fn usual(&self) -> Result<Arc<ClientConfig>, Error> {
        self.trust.config().await.ok_or_else(|| Error::Connection("TLS is not available; see the log of the server".to_owned()))
    }
}

impl Roots {
    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are none.
    pub(in crate::postgres) fn parse(pem: &str) -> Result<Self, Error> {
        let wrong = || Error::Parameter("the certificate is not understood; give one or more in PEM".to_owned());
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(|_| wrong())?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|_| wrong())?;
        }
        if roots.is_empty() {
            return Err(wrong());
        }
        let config = tls::client_config(roots, None).map_err(|_| wrong())?;
        Ok(Self { config: Arc::new(config), name: Arc::from(pem) })
    }

    /// Those of a configuration that was made ready; `name` tells them from others.
    pub(in crate::postgres) fn of_operator(config: Arc<ClientConfig>, name: &str) -> Self {
        Self { config, name: Arc::from(name) }
    }
}

impl Server {
    /// The server at the end of `connector`, for `component` only: `text` is the address with everything in it.
    pub(in crate::postgres) fn new(
        clients: &Arc<Clients>,
        component: &str,
        text: &str,
        (address, connector): (Address, Connector),
        roots: Option<Roots>,
    ) -> Self {
        // A zero byte stands in no address, so that no two keys are spelled the same.
        let roots_name = roots.as_ref().map_or("", |roots| &roots.name);
        let key = Arc::from(format!("{component}\0{text}\0{roots_name}"));
        Self { clients: Arc::clone(clients), place: address.destination.to_string(), key, address, connector, roots }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.clients.limits
    }

    /// A stream to the server on which messages may be exchanged.
    pub(super) async fn stream(&self) -> Result<Framing<Stream>, Error> {
        let limits = self.limits();
        let stream = self.connector.connect(limits.connect_time_max).await.map_err(|error| self.unreachable(&error))?;
        Ok(Framing::new(self.secure(stream).await?, limits.message_bytes_max))
    }

    async fn secure(&self, mut stream: Stream) -> Result<Stream, Error> {
        if self.address.tls == TlsUse::Never || matches!(stream, Stream::Tls(_)) {
            return Ok(stream);
        }
        let mut answer = [0];
        let asked = async {
            stream.write_all(&TLS_REQUEST).await?;
            stream.flush().await?;
            stream.read_exact(&mut answer).await
        };
        asked.await.map_err(|_| Error::Connection(format!("`{}` closed the connection; check that it is PostgreSQL", self.place)))?;
        match (answer, self.address.tls) {
            ([TLS_WILLING], _) => {
                let config = match &self.roots {
                    Some(roots) => Arc::clone(&roots.config),
                    None => self.clients.usual().await?,
                };
                let secured = self.connector.start_tls(stream, &config, self.limits().connect_time_max).await;
                secured.map_err(|error| self.unreachable(&error))
            }
            (_, TlsUse::Always) => Err(Error::Connection(format!("`{}` does not speak TLS; let it, or say `sslmode=disable`", self.place))),
            _ => Ok(stream),
        }
    }

    /// What a guest is told of a server that cannot be reached; the cause is for the operator.
    fn unreachable(&self, error: &ConnectorError) -> Error {
        tracing::warn!(server = self.place, "PostgreSQL could not be reached: {}", coracle_base::chain(error));
        Error::Connection(error.to_string())
    }

    async fn dial(self: &Arc<Self>) -> Result<Arc<Link>, Error> {
        let time_max = self.limits().connect_time_max;
        let dialled = tokio::time::timeout(time_max, async {
            let stream = self.stream().await?;
            Link::open(stream, &self.address.config).await
        });
        let link = dialled.await.unwrap_or_else(|_| Err(Error::Connection(format!("`{}` did not let us in in time", self.place))));
        link.map(Arc::new).inspect_err(|error| tracing::debug!(server = self.place, "no connection to PostgreSQL: {error}"))
    }
}

/// A server, shared by the sessions that it was asked for.
pub(in crate::postgres) struct Shared(pub(in crate::postgres) Arc<Server>);

#[async_trait]
impl Database for Shared {
    async fn connect(&self) -> Result<Arc<dyn Session>, Error> {
        let Self(server) = self;
        let acquired = server.clients.pool.acquire(&server.key, server.limits().wait_max).await;
        let (place, kept) = acquired.map_err(|Full { connections_max }| Error::TooManyConnections { connections_max })?;
        let link = match kept {
            Some(link) => link,
            None => server.dial().await?,
        };
        Ok(Arc::new(Held::new(Arc::clone(server), link, place)))
    }
}
