//! One server as one component reaches it, and what the clients of an app share.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use mysql_async::{Conn, IoError, Opts, OptsBuilder, SslOpts};
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell;

use super::address::Address;
use super::session::{Held, Link};
use crate::backend::{ConnectorError, Full, Pool};
use crate::egress::Clearance;
use crate::mysql::{Database, Error, Limits, Session};
use crate::tls::{self, Trust};

/// How long the server keeps a connection on which nothing is said, as far as the library needs to know: the pool closes them sooner.
const SILENCE_SECONDS_MAX: usize = 28_800;

/// What the clients of an app share.
pub(in crate::mysql) struct Clients {
    pool: Arc<Pool<Link>>,
    limits: Arc<Limits>,
    trust: Trust,
    /// Options by which TLS is spoken. What the library makes of the roots stays with them, for all connections.
    tls: OnceCell<OptsBuilder>,
}

/// A server as one component reaches it.
pub(in crate::mysql) struct Server {
    clients: Arc<Clients>,
    key: Arc<str>,
    address: Address,
    clearance: Clearance,
}

impl Clients {
    pub(in crate::mysql) fn new(connections_max: usize, limits: Limits, trust: Trust) -> Self {
        Self { pool: Pool::new("outbound_mysql", connections_max), limits: Arc::new(limits), trust, tls: OnceCell::new() }
    }

    /// The bounds of every client.
    pub(in crate::mysql) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    /// How to speak TLS. The machine's roots are read when the first connection needs them, where that holds nobody up.
    async fn tls(&self) -> Option<OptsBuilder> {
        let read = async || match self.trust.named() {
            Some(named) => Ok(trusting(named)),
            None => tokio::task::spawn_blocking(trusting_the_machine).await,
        };
        let options = self.tls.get_or_try_init(async || read().await.map(|tls| OptsBuilder::default().ssl_opts(tls)));
        options.await.ok().cloned()
    }
}

/// Options that trust `roots` alone.
fn trusting(roots: &[CertificateDer<'_>]) -> SslOpts {
    SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots.iter().map(|root| root.to_vec().into()).collect())
}

/// Options that trust the machine's roots, or the library's where the machine has none. Every connection has a copy, so that the roots
/// themselves are kept once for the process.
fn trusting_the_machine() -> SslOpts {
    static ROOTS: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    let roots = ROOTS.get_or_init(tls::machine_certificates);
    let tls = SslOpts::default().with_disable_built_in_roots(!roots.is_empty());
    tls.with_root_certs(roots.iter().map(|root| root.as_ref().into()).collect())
}

impl Server {
    /// The server where `clearance` leads, for `component` only: `text` is the address with everything in it.
    pub(in crate::mysql) fn new(clients: &Arc<Clients>, component: &str, text: &str, address: Address, clearance: Clearance) -> Self {
        // A zero byte stands in no address, so that no two keys are spelled the same.
        Self { clients: Arc::clone(clients), key: Arc::from(format!("{component}\0{text}")), address, clearance }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.clients.limits
    }

    /// A new connection. The library opens its own socket, to the addresses that were checked and to no other.
    pub(super) async fn dial(&self) -> Result<Link, Error> {
        let (limits, place) = (self.limits(), self.clearance.destination().to_string());
        let dialled = tokio::time::timeout(limits.connect_time_max, async {
            let permit = self.clearance.clone().resolve().await.map_err(|error| unreachable(&place, &error))?;
            let slot = permit.reserve(limits.connect_time_max).await.map_err(|error| unreachable(&place, &error))?;
            let addresses: Vec<IpAddr> = permit.addresses().iter().map(std::net::SocketAddr::ip).collect();
            let options = if self.address.is_tls { self.clients.tls().await } else { Some(OptsBuilder::default()) };
            let options = options.ok_or_else(|| Error::Connection("TLS cannot be set up".to_owned()))?;
            let options =
                self.address.introduce(options).ip_or_hostname(permit.destination().host.to_string()).tcp_port(permit.destination().port);
            let options = options.resolved_ips(Some(addresses)).max_allowed_packet(Some(limits.message_bytes_max));
            let options = options.wait_timeout(Some(SILENCE_SECONDS_MAX)).stmt_cache_size(limits.statements_kept).tcp_nodelay(true);
            let connection = Conn::new(Opts::from(options)).await.map_err(|error| refused_entry(&place, &error))?;
            Ok(Link { connection, _slot: slot })
        });
        let in_time = dialled.await;
        in_time.unwrap_or_else(|_| Err(Error::Connection(format!("`{place}` did not let us in in time"))))
    }
}

/// What a guest is told of a server that cannot be reached; the cause is for the operator.
fn unreachable(place: &str, error: &(dyn std::error::Error + 'static)) -> Error {
    tracing::warn!(server = place, "MySQL could not be reached: {}", coracle_base::chain(error));
    Error::Connection(error.to_string())
}

fn refused_entry(place: &str, error: &mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(cause) => Error::Connection(cause.message.clone()),
        mysql_async::Error::Io(cause) if is_of_tls(cause) => {
            let source = std::io::Error::other(cause.to_string());
            unreachable(place, &ConnectorError::Tls { destination: place.to_owned(), source })
        }
        _ => {
            tracing::warn!(server = place, "MySQL did not let us in: {}", coracle_base::chain(error));
            Error::Connection(format!("`{place}` could not be reached; check that it is up, and speaks TLS where that is asked for"))
        }
    }
}

/// Whether TLS failed, and not the connection below it. The library tells of a server that does not prove who it is as of a broken one.
fn is_of_tls(error: &IoError) -> bool {
    match error {
        IoError::Tls(_) => true,
        IoError::Io(cause) => cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
    }
}

/// A server, shared by the sessions that it was asked for.
pub(in crate::mysql) struct Shared(pub(in crate::mysql) Arc<Server>);

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
