//! What the runtime configuration says: `[outbound_pg]`, and the databases behind labels in `[postgres.<label>]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable};
use serde::Deserialize;

use super::client::{Address, Clients, Roots, Server, Shared};
use super::grant::Labelled;
use super::{GRANT, Limits};
use crate::backend::{Binding, Connector, Kind, Opened, Opening};
use crate::tls::Trust;

/// The table of the runtime configuration that every connection has in common.
const TABLE: &str = "outbound_pg";

/// What the reference page says of the tables.
pub(super) const TABLES: &[ConfigTable] = &[
    ConfigTable {
        header: "[outbound_pg]",
        about: "How many connections the app may have at once, and who vouches for servers that are spoken to by TLS; by default the \
                machine's roots.",
        example: "[outbound_pg]\nmax_connections = 64\nca_roots_file = \"pg-ca.pem\"\n",
    },
    ConfigTable {
        header: "[postgres.<label>]",
        about: "The database behind a label, for guests whose interface names no address. Without a `ca_roots_file` of its own, that of \
                `[outbound_pg]` counts.",
        example: "[postgres.default]\ntype = \"postgres\"\nurl = \"postgres://shop:secret@db.example.com/shop?sslmode=require\"\n\
                  ca_roots_file = \"pg-ca.pem\"\n",
    },
];

/// Connections that an app has altogether, unless the operator says otherwise. PostgreSQL itself allows a hundred.
const CONNECTIONS_MAX: usize = 64;

/// What the app's components share.
pub(super) struct Bindings {
    clients: Arc<Clients>,
    labels: BTreeMap<String, Arc<Labelling>>,
}

/// A label's database before it is known which component uses it.
struct Labelling {
    text: String,
    address: Address,
    connector: Connector,
    roots: Option<Roots>,
}

/// The table `[outbound_pg]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    #[serde(rename = "max_connections")]
    connections_max: Option<usize>,
    /// Certificates to trust instead of the machine's.
    ca_roots_file: Option<PathBuf>,
}

const KIND: Kind<Labelling> = Kind { types: &["postgres"], open };

const BINDING: Binding<Labelling> = Binding { grant: GRANT, table: GRANT, kinds: &[&KIND], default: |_, _| None, missing: &[] };

/// A database, by its address or by the names that wasmCloud gives to its parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    url: Option<String>,
    #[serde(alias = "POSTGRES_HOST")]
    host: Option<String>,
    #[serde(alias = "POSTGRES_PORT")]
    port: Option<u16>,
    #[serde(alias = "POSTGRES_DATABASE")]
    database: Option<String>,
    #[serde(alias = "POSTGRES_USERNAME")]
    username: Option<String>,
    #[serde(alias = "POSTGRES_PASSWORD")]
    password: Option<String>,
    #[serde(alias = "POSTGRES_TLS_REQUIRED")]
    tls_required: Option<bool>,
    /// Certificates in PEM that vouch for the server; without them, those of `[outbound_pg]`, or the machine's.
    ca_roots_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_private_key_file: Option<PathBuf>,
}

impl Default for Bindings {
    fn default() -> Self {
        Self { clients: Arc::new(Clients::new(CONNECTIONS_MAX, Limits::default(), Trust::default())), labels: BTreeMap::new() }
    }
}

impl Bindings {
    pub(super) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients)
    }

    /// The database behind `label`, for `component`.
    pub(super) fn database(&self, label: &str, component: &str) -> Option<Arc<Labelled>> {
        let Labelling { text, address, connector, roots } = self.labels.get(label)?.as_ref();
        let server = Server::new(&self.clients, component, text, (address.clone(), connector.clone()), roots.clone());
        Some(Arc::new(Labelled { place: address.destination.to_string(), database: Arc::new(Shared(Arc::new(server))) }))
    }
}

/// Reads the configuration.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let table: Table = bind.config.take_as(TABLE)?.unwrap_or_default();
    let trust = Trust::read(bind.config, TABLE, table.ca_roots_file.as_deref())?;
    let clients = Clients::new(table.connections_max.unwrap_or(CONNECTIONS_MAX), Limits::default(), trust);
    let opened = BINDING.open(bind)?;
    let labels = opened.into_iter().map(|(label, Opened { backend, .. })| (label, backend)).collect();
    bind.site.share(Arc::new(Bindings { clients: Arc::new(clients), labels }));
    Ok(())
}

fn open(opening: &Opening<'_>) -> Result<Opened<Labelling>, BindError> {
    let place: Place = opening.config()?;
    let roots = place.roots(opening)?;
    let text = place.address(opening)?;
    let address = Address::parse(&text).map_err(|source| BindError::Backend {
        what: opening.what(),
        remedy: "correct its `url`".to_owned(),
        source: Box::new(source),
    })?;
    let shown = address.destination.to_string();
    let connector = opening.connector(&shown, "postgres")?;
    Ok(Opened { backend: Arc::new(Labelling { text, address, connector, roots }), place: shown })
}

impl Place {
    /// The address in one piece.
    fn address(&self, opening: &Opening<'_>) -> Result<String, BindError> {
        match (&self.url, &self.host) {
            (Some(url), None) => return Ok(url.clone()),
            (None, Some(_)) => {}
            _ => {
                return Err(opening.refused("it needs one of `url` and `host`", "write `url = \"postgres://user:password@host/database\"`"));
            }
        }
        let port = self.port.map(|port| port.to_string());
        let tls = self.tls_required.map(|is_required| if is_required { "require" } else { "prefer" });
        let pairs = [
            ("host", self.host.as_deref()),
            ("port", port.as_deref()),
            ("dbname", self.database.as_deref()),
            ("user", self.username.as_deref()),
            ("password", self.password.as_deref()),
            ("sslmode", tls),
        ];
        let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        Ok(pairs.map(|(key, value)| format!("{key}='{}'", quoted(value))).collect::<Vec<_>>().join(" "))
    }

    /// How the server and this client prove who they are, if that is not as usual.
    fn roots(&self, opening: &Opening<'_>) -> Result<Option<Roots>, BindError> {
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| BindError::Backend {
            what: opening.what(),
            remedy: "name PEM files in `ca_roots_file`, `client_cert_file` and `client_private_key_file`".to_owned(),
            source,
        };
        let shown = match (&self.client_cert_file, &self.client_private_key_file) {
            (Some(certificate), Some(key)) => Some((opening.path(certificate), opening.path(key))),
            (None, None) if self.ca_roots_file.is_none() => return Ok(None),
            (None, None) => None,
            _ => return Err(opening.refused("it has one of `client_cert_file` and `client_private_key_file`", "name both or neither")),
        };
        let roots = self.ca_roots_file.as_ref().map(|path| opening.path(path));
        let config = crate::tls::from_files(roots.as_deref(), shown.as_ref()).map_err(|source| unusable(Box::new(source)))?;
        Ok(Some(Roots::of_operator(Arc::new(config), opening.label)))
    }
}
