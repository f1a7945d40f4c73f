//! What stands behind the labels of a manifest. A capability lists its kinds of backend; a table `[<table>.<label>]` of the runtime
//! configuration names one of them by its `type`, and only the labels that components were granted are opened. What a backend needs to
//! reach a server (an operator's address, TLS, a client for HTTP) stands here too.

mod connector;
mod http;
mod kept;
mod link;
mod pool;
mod service;

pub(crate) use connector::{Connector, ConnectorError, Stream};
pub(crate) use http::{Answer, Http, HttpError};
pub(crate) use link::{Away, Link};
pub(crate) use pool::{Full, Place, Pool, Pooled};
pub(crate) use service::{Service, Token};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{Bind, BindError, Site};
use kept::{Fingerprint, Kept};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;

use crate::tls;

/// One kind of backend of a capability, whose seam is the trait object `B`.
pub(crate) struct Kind<B: ?Sized + 'static> {
    /// The values of `type` that name it, the one to recommend first.
    pub(crate) types: &'static [&'static str],
    /// Reads the configuration and makes the backend. A server is not connected to here: one that is down keeps no app from starting.
    pub(crate) open: fn(&Opening<'_>) -> Result<Opened<B>, BindError>,
}

/// What [`Kind::open`] works with.
pub(crate) struct Opening<'a> {
    /// The label that components were granted.
    pub(crate) label: &'a str,
    /// What the app's capabilities share.
    pub(crate) site: &'a Site,
    place: String,
    table: toml::Table,
    folder: &'a Path,
}

/// A backend that is ready.
pub(crate) struct Opened<B: ?Sized> {
    /// The backend.
    pub(crate) backend: Arc<B>,
    /// Where it is, for start-up tables and messages, such as `redis redis://cache:6379`. Never a secret.
    pub(crate) place: String,
}

impl<B: ?Sized> Clone for Opened<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend), place: self.place.clone() }
    }
}

/// Which labels of a capability are bound, and to what.
pub(crate) struct Binding<B: ?Sized + 'static> {
    /// The key of the grant whose labels are bound.
    pub(crate) grant: &'static str,
    /// The table of the runtime configuration.
    pub(crate) table: &'static str,
    /// Every kind of backend.
    pub(crate) kinds: &'static [&'static Kind<B>],
    /// The table of a label that needs no configuration, if there is such a label.
    pub(crate) default: fn(&str, &Site) -> Option<toml::Table>,
    /// Types that Spin has and this version lacks, so that they are told from a mistake.
    pub(crate) missing: &'static [&'static str],
}

impl<'a> Opening<'a> {
    /// What the backend of `table` is opened with; `place` is where the table stands, and `folder` where its relative paths start.
    pub(crate) fn new(label: &'a str, site: &'a Site, place: String, table: toml::Table, folder: &'a Path) -> Self {
        Self { label, site, place, table, folder }
    }

    /// The table without its `type`, read as `T`, which should deny unknown fields.
    ///
    /// # Errors
    /// [`BindError::Config`] when it does not read as `T`.
    pub(crate) fn config<T: DeserializeOwned>(&self) -> Result<T, BindError> {
        let read = self.table.clone().try_into();
        read.map_err(|source| BindError::Config { key: self.place.clone(), source: Box::new(source) })
    }

    /// A path of the configuration from the root; a relative one starts at the configuration's folder. It means the same when the working
    /// folder changes, and for two labels that spell it differently.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        absolute(&self.folder.join(path))
    }

    /// What the operator calls this backend in the configuration, such as `[key_value_store.cache]`.
    pub(crate) fn what(&self) -> String {
        format!("`[{}]` of the runtime configuration", self.place)
    }

    /// How to speak TLS with a server that the certificates in `ca_roots_file` vouch for, or the machine's.
    ///
    /// # Errors
    /// [`BindError`] when the file cannot be used.
    pub(crate) fn tls(&self, ca_roots_file: Option<&Path>) -> Result<Arc<ClientConfig>, BindError> {
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| BindError::Backend {
            what: self.what(),
            remedy: "name certificates as PEM in `ca_roots_file`; a relative path starts at the runtime configuration's folder".to_owned(),
            source,
        };
        let roots = ca_roots_file.map_or_else(|| Ok(tls::usual_roots()), |file| tls::roots_in(&self.path(file)));
        let roots = roots.map_err(|error| unusable(Box::new(error)))?;
        tls::client_config(roots, None).map(Arc::new).map_err(|error| unusable(Box::new(error)))
    }

    /// A mistake in the configuration, with the way out.
    pub(crate) fn refused(&self, message: &str, remedy: &str) -> BindError {
        BindError::Refused { message: format!("`[{}]`: {message}", self.place), remedy: remedy.to_owned() }
    }

    /// The way to the operator's `address`, which speaks `default_scheme` if it names none.
    ///
    /// # Errors
    /// [`BindError`] when the address names no host or port.
    pub(crate) fn connector(&self, address: &str, default_scheme: &str) -> Result<Connector, BindError> {
        Connector::of_operator(self.site, address, default_scheme).map_err(|source| BindError::Backend {
            what: self.what(),
            remedy: "correct its address".to_owned(),
            source: Box::new(source),
        })
    }
}

impl<B: ?Sized + Send + Sync> Binding<B> {
    /// Reads the tables, and opens what components were granted. What the app's last binding opened from the same table is taken over.
    ///
    /// # Errors
    /// [`BindError`] when a table is not understood, a label has none, or a backend refuses.
    pub(crate) fn open(&self, bind: &mut Bind<'_>) -> Result<BTreeMap<String, Opened<B>>, BindError> {
        let mut tables: BTreeMap<String, toml::Table> = bind.config.take_as(self.table)?.unwrap_or_default();
        // A table for a label that nobody was granted is read too, so that its mistakes are not found later.
        for (label, table) in &tables {
            self.kind(label, table)?;
        }
        let before = bind.site.before::<Kept<B>>().unwrap_or_default();
        let kept = bind.site.shared::<Kept<B>>().unwrap_or_default();
        let mut opened = BTreeMap::new();
        for label in bind.labels.get(self.grant).into_iter().flatten() {
            let table = tables.remove(label).or_else(|| (self.default)(label, bind.site));
            let unbound = || BindError::Unbound { key: self.grant, label: label.clone(), table: self.table };
            let mut table = table.ok_or_else(unbound)?;
            let kind = self.kind(label, &table)?;
            let place = format!("{}.{label}", self.table);
            let fingerprint = Fingerprint::of(&table, bind.config.folder());
            let bound = match before.get(&place, &fingerprint) {
                Some(bound) => bound,
                None => {
                    table.remove("type");
                    let opening = Opening::new(label, bind.site, place.clone(), table, bind.config.folder());
                    (kind.open)(&opening)?
                }
            };
            kept.insert(place, fingerprint, bound.clone());
            opened.insert(label.clone(), bound);
        }
        bind.site.share(kept);
        Ok(opened)
    }

    fn kind(&self, label: &str, table: &toml::Table) -> Result<&'static Kind<B>, BindError> {
        find(self.kinds, self.missing, &format!("{}.{label}", self.table), table)
    }
}

/// The kind that the `type` of `table` names. The table stands at `place`; `missing` are types of Spin's that this version lacks.
///
/// # Errors
/// [`BindError`] when it names none, or one that is not there.
pub(crate) fn find<B: ?Sized>(
    kinds: &[&'static Kind<B>],
    missing: &[&str],
    place: &str,
    table: &toml::Table,
) -> Result<&'static Kind<B>, BindError> {
    let known = || {
        let types = kinds.iter().flat_map(|kind| kind.types);
        types.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let Some(name) = table.get("type").and_then(toml::Value::as_str) else {
        return Err(BindError::Refused { message: format!("`[{place}]` has no `type`"), remedy: format!("write one of {}", known()) });
    };
    let kind = kinds.iter().find(|kind| kind.types.contains(&name));
    kind.copied().ok_or_else(|| {
        let is_missing = if missing.contains(&name) { ", which this version does not have" } else { ", which is not known" };
        BindError::Refused { message: format!("`[{place}]` has the type `{name}`{is_missing}"), remedy: format!("use one of {}", known()) }
    })
}

/// `path` from the root.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
