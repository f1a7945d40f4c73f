//! What one component may reach: its `allowed_outbound_hosts`, and the way out of its app.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use coracle_engine::{GrantError, GrantRequest};

use super::destination::{Destination, DestinationError, Host};
use super::entry::Entry;
use super::networking::Networking;
use super::permit::Permit;
use crate::resolver::{Resolver, Template};

/// The key of the grant.
const KEY: &str = "outbound-hosts";
/// Addresses of one name that are ever tried.
const ADDRESSES_MAX: usize = 16;
/// How long a name may take to be looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a component may reach. The default allows nothing.
#[derive(Debug, Default)]
pub struct Policy {
    component: String,
    lines: Vec<Line>,
    resolver: Option<Arc<Resolver>>,
    networking: Arc<Networking>,
}

/// One entry, as it was written and as it was read.
#[derive(Debug)]
struct Line {
    text: String,
    meaning: Meaning,
}

#[derive(Debug)]
enum Meaning {
    Fixed(Entry),
    /// An entry with variables. It is filled whenever a guest asks, so that a rotated value counts at once.
    Variable(Template),
}

/// What becomes of a request that is allowed.
#[derive(Debug)]
pub enum Route {
    /// It stays in this process.
    Local(Host),
    /// It leaves through the network.
    Network(Clearance),
}

/// An allowed destination whose name was not looked up yet.
#[derive(Debug, Clone)]
pub struct Clearance {
    destination: Destination,
    networking: Arc<Networking>,
    /// Whether the operator chose the destination, for whom no network is closed.
    is_of_operator: bool,
}

/// What a raw socket is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketUse {
    /// Connect by TCP.
    TcpConnect,
    /// Connect or send by UDP.
    UdpSend,
    /// Take a local address for UDP; that reaches nobody, so closed networks do not count.
    UdpBind,
}

/// Why a destination is not to be reached.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The manifest does not allow it.
    #[error("`{0}` is not among the allowed outbound hosts of the component; add it to `allowed_outbound_hosts`")]
    NotAllowed(String),
    /// The operator closed every address that it has.
    #[error("every address of `{0}` is in a closed network; remove the network from `block_networks` if it should be reached")]
    Blocked(String),
    /// It is no address of a network: the app itself, or a component.
    #[error("`{0}` speaks HTTP only; reach it by an HTTP request")]
    Local(String),
    /// The address cannot be understood.
    #[error(transparent)]
    Invalid(#[from] DestinationError),
    /// The name has no address.
    #[error("`{0}` has no address; check the name")]
    NoAddress(String),
    /// The name could not be looked up.
    #[error("`{destination}` could not be looked up; check the name and the resolver of the machine")]
    Lookup {
        /// Where to.
        destination: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The resolver did not answer in time.
    #[error("`{0}` could not be looked up in time; check the resolver of the machine")]
    LookupTimeout(String),
}

impl Policy {
    /// What the manifest of a component allows.
    ///
    /// # Errors
    /// [`GrantError`] when an entry is not understood.
    pub fn from_request(request: &GrantRequest<'_>) -> Result<Arc<Self>, GrantError> {
        let resolver = request.site.shared::<Resolver>();
        let entries = request.strings(KEY)?;
        let line = |entry: &String| {
            Line::parse(entry, resolver.as_ref()).map_err(|cause| GrantError::Refused {
                component: request.component.to_owned(),
                message: format!("an entry of `allowed_outbound_hosts` is malformed: {cause}"),
                remedy: format!("correct `{entry}`"),
            })
        };
        let lines = entries.iter().map(line).collect::<Result<_, _>>()?;
        let networking = Networking::of(request.site);
        Ok(Arc::new(Self { component: request.component.to_owned(), lines, resolver, networking }))
    }

    /// What a component without the grant may reach: nothing. All such components share what was told about them.
    #[must_use]
    pub fn none(component: &str) -> Self {
        static NETWORKING: LazyLock<Arc<Networking>> = LazyLock::new(Arc::default);
        Self { component: component.to_owned(), networking: Arc::clone(&NETWORKING), ..Self::default() }
    }

    /// What a start-up table says.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        self.lines.iter().map(|line| format!("outbound {}", line.text)).collect()
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The app's way out.
    #[must_use]
    pub fn networking(&self) -> &Arc<Networking> {
        &self.networking
    }

    /// Decides on a destination, and tells the operator how to allow what is refused.
    ///
    /// # Errors
    /// [`Refusal::NotAllowed`].
    pub fn route(&self, destination: Destination) -> Result<Route, Refusal> {
        if !self.allows(&destination) {
            return Err(self.refuse(&destination));
        }
        if destination.host.is_local() {
            return Ok(Route::Local(destination.host));
        }
        Ok(Route::Network(Clearance { destination, networking: Arc::clone(&self.networking), is_of_operator: false }))
    }

    /// Decides on `address`, which speaks `default_scheme` if it names no scheme, and resolves it.
    ///
    /// # Errors
    /// [`Refusal`] when it is not allowed, closed or unknown.
    pub async fn permit(&self, address: &str, default_scheme: &str) -> Result<Permit, Refusal> {
        match self.route(Destination::parse(address, default_scheme)?)? {
            Route::Local(host) => Err(Refusal::Local(host.to_string())),
            Route::Network(clearance) => clearance.resolve().await,
        }
    }

    /// Whether a raw socket may be used so.
    #[must_use]
    pub fn allows_socket(&self, address: SocketAddr, socket_use: SocketUse) -> bool {
        let scheme = if socket_use == SocketUse::TcpConnect { "tcp" } else { "udp" };
        let destination = Destination::of_socket(scheme, address);
        if !self.allows(&destination) {
            self.refuse(&destination);
            return false;
        }
        socket_use == SocketUse::UdpBind || !self.networking.blocked.contains(address.ip())
    }

    fn allows(&self, destination: &Destination) -> bool {
        self.lines.iter().any(|line| match &line.meaning {
            Meaning::Fixed(entry) => entry.matches(destination),
            Meaning::Variable(template) => self.filled(&line.text, template).is_some_and(|entry| entry.matches(destination)),
        })
    }

    /// The entry that a template stands for now. What cannot be filled allows nothing, and takes nothing from the other entries.
    fn filled(&self, text: &str, template: &Template) -> Option<Entry> {
        let component = &self.component;
        let is_news = || self.networking.is_news(component, text);
        let filled = match self.resolver.as_ref()?.known_template(template) {
            Ok(filled) => filled,
            Err(error) => {
                if is_news() {
                    tracing::warn!(component, "`{text}` in `allowed_outbound_hosts` allows nothing: {error}");
                }
                return None;
            }
        };
        match Entry::parse(&filled) {
            Ok(entry) => Some(entry),
            Err(error) => {
                if !is_blank(&filled) && is_news() {
                    let kind = error.kind();
                    tracing::warn!(component, "`{text}` in `allowed_outbound_hosts` allows nothing: with its values, {kind}; correct them");
                }
                None
            }
        }
    }

    fn refuse(&self, destination: &Destination) -> Refusal {
        let shown = destination.to_string();
        if self.networking.is_news(&self.component, &shown) {
            let component = &self.component;
            tracing::warn!(
                component,
                "`{shown}` was refused; if the component should reach it, add `allowed_outbound_hosts = [\"{shown}\"]` to its manifest"
            );
        }
        Refusal::NotAllowed(shown)
    }
}

impl Line {
    /// Reads an entry; one with variables is tried with the values that they have by now, which stay out of the error.
    fn parse(entry: &str, resolver: Option<&Arc<Resolver>>) -> Result<Self, String> {
        let template = Template::parse(entry).map_err(|error| error.to_string())?;
        if template.variables().next().is_none() {
            let meaning = Entry::parse(entry).map(Meaning::Fixed).map_err(|error| error.to_string())?;
            return Ok(Self { text: entry.to_owned(), meaning });
        }
        let filled = resolver.and_then(|resolver| resolver.known_template(&template).ok());
        if let Some(filled) = filled.filter(|filled| !is_blank(filled))
            && let Err(error) = Entry::parse(&filled)
        {
            return Err(format!("with the values of its variables, {}", error.kind()));
        }
        Ok(Self { text: entry.to_owned(), meaning: Meaning::Variable(template) })
    }
}

impl Networking {
    /// Clears a destination that the operator bound to a label: guests name the label, never the address.
    #[must_use]
    pub fn clear_for_operator(self: Arc<Self>, destination: Destination) -> Clearance {
        Clearance { destination, networking: self, is_of_operator: true }
    }
}

impl Clearance {
    /// Where to.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Looks the name up, once, and drops the addresses that are closed.
    ///
    /// # Errors
    /// [`Refusal`] when no address is left.
    pub async fn resolve(self) -> Result<Permit, Refusal> {
        let shown = || self.destination.to_string();
        let found: Vec<IpAddr> = match &self.destination.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let looked_up = tokio::time::timeout(LOOKUP_TIMEOUT, self.networking.resolver.resolve(name)).await;
                let looked_up = looked_up.map_err(|_| Refusal::LookupTimeout(shown()))?;
                looked_up.map_err(|source| Refusal::Lookup { destination: shown(), source })?
            }
            Host::Own | Host::Component(_) => return Err(Refusal::Local(shown())),
        };
        if found.is_empty() {
            return Err(Refusal::NoAddress(shown()));
        }
        let port = self.destination.port;
        let is_open = |address: &IpAddr| self.is_of_operator || !self.networking.blocked.contains(*address);
        let open = found.into_iter().filter(is_open).take(ADDRESSES_MAX);
        let open: Vec<_> = open.map(|address| SocketAddr::new(address, port)).collect();
        if open.is_empty() {
            let refusal = Refusal::Blocked(shown());
            // The networks are closed to the whole app, so one line tells it for all components.
            if self.networking.is_news("", &shown()) {
                tracing::warn!("{refusal}");
            }
            return Err(refusal);
        }
        Ok(Permit::new(self.destination, open, self.networking))
    }
}

/// What an entry whose variables are empty comes to.
fn is_blank(text: &str) -> bool {
    matches!(text.trim(), "" | "http://" | "https://")
}
