//! TLS to servers: which roots are trusted and which certificate is shown, by component and host (`[[client_tls]]` of the runtime
//! configuration). Each identity has its own sessions, so that no resumption ties two of them together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{Bind, BindError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::sync::OnceCell;
use wasmtime_wasi_http::Error;

use crate::egress::Host;
use crate::tls;

/// The identities of an app.
#[derive(Default)]
pub(super) struct Tls {
    identities: Vec<Arc<ClientConfig>>,
    by_component_and_host: BTreeMap<(String, Host), usize>,
    usual: OnceCell<Arc<ClientConfig>>,
}

/// Which identity a connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum IdentityId {
    /// The machine's roots, and no certificate.
    Usual,
    /// One that the operator configured.
    Configured(usize),
}

/// One `[[client_tls]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    component_ids: Vec<String>,
    hosts: Vec<String>,
    ca_use_platform_roots: Option<bool>,
    ca_use_webpki_roots: Option<bool>,
    ca_roots_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_private_key_file: Option<PathBuf>,
}

/// A file with nothing in it that could be used.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("it is not PEM that could be read")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("it holds no certificate")]
    Empty,
}

impl Tls {
    /// Reads `[[client_tls]]`.
    pub(super) fn bind(bind: &mut Bind<'_>) -> Result<Self, BindError> {
        let tables: Vec<Table> = bind.config.take_as("client_tls")?.unwrap_or_default();
        let mut tls = Self::default();
        for (index, table) in tables.into_iter().enumerate() {
            if table.component_ids.is_empty() || table.hosts.is_empty() {
                return Err(refused("a `[[client_tls]]` has empty `component_ids` or `hosts`", "name at least one of each"));
            }
            tls.identities.push(Arc::new(table.identity(bind.config.folder())?));
            for host in &table.hosts {
                let host = Host::parse(host).ok_or_else(|| {
                    refused(&format!("`{host}` in `[[client_tls]]` is no host"), "write a name or an address, without a port")
                })?;
                for component in &table.component_ids {
                    tls.by_component_and_host.entry((component.clone(), host.clone())).or_insert(index);
                }
            }
        }
        Ok(tls)
    }

    /// The identity with which `component` meets `host`.
    pub(super) fn identity(&self, component: &str, host: &Host) -> IdentityId {
        let configured = self.by_component_and_host.get(&(component.to_owned(), host.clone()));
        configured.map_or(IdentityId::Usual, |index| IdentityId::Configured(*index))
    }

    /// How `identity` speaks TLS.
    pub(super) async fn config(&self, identity: IdentityId) -> Result<Arc<ClientConfig>, Error> {
        match identity {
            IdentityId::Configured(index) => self.identities.get(index).cloned().ok_or(Error::ConfigurationError),
            IdentityId::Usual => {
                let usual = self.usual.get_or_try_init(|| async {
                    let roots = tokio::task::spawn_blocking(tls::usual_roots).await.map_err(|_| Error::ConfigurationError)?;
                    client_config(roots, None).map(Arc::new).map_err(|_| Error::ConfigurationError)
                });
                usual.await.cloned()
            }
        }
    }
}

impl Table {
    fn identity(&self, folder: &Path) -> Result<ClientConfig, BindError> {
        let use_webpki = self.ca_use_webpki_roots.unwrap_or(false);
        let use_platform = self.ca_use_platform_roots.unwrap_or(self.ca_roots_file.is_none() && !use_webpki);
        let mut roots = RootCertStore::empty();
        if use_platform {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if use_webpki {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(file) = &self.ca_roots_file {
            roots.add_parsable_certificates(certificates("ca_roots_file", &folder.join(file))?);
        }
        if roots.is_empty() {
            let remedy = "set `ca_use_webpki_roots = true`, or name certificates in `ca_roots_file`";
            return Err(refused("a `[[client_tls]]` trusts no root", remedy));
        }
        let shown = match (&self.client_cert_file, &self.client_private_key_file) {
            (Some(certificate), Some(key)) => {
                let key = folder.join(key);
                let read = PrivateKeyDer::from_pem_file(&key);
                let read = read.map_err(|error| unusable("client_private_key_file", &key, FileError::Pem(error)))?;
                Some((certificates("client_cert_file", &folder.join(certificate))?, read))
            }
            (None, None) => None,
            _ => {
                let message = "a `[[client_tls]]` has one of `client_cert_file` and `client_private_key_file`";
                return Err(refused(message, "name both or neither"));
            }
        };
        client_config(roots, shown).map_err(|error| BindError::Backend {
            what: "the client certificate of a `[[client_tls]]`".to_owned(),
            remedy: "name a key that belongs to the certificate".to_owned(),
            source: Box::new(error),
        })
    }
}

/// How an HTTP client speaks TLS.
fn client_config(roots: RootCertStore, shown: Option<tls::Shown>) -> Result<ClientConfig, rustls::Error> {
    let mut config = tls::client_config(roots, shown)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BindError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(key, path, FileError::Pem(error)))?;
    if read.is_empty() { Err(unusable(key, path, FileError::Empty)) } else { Ok(read) }
}

fn unusable(key: &str, path: &Path, error: FileError) -> BindError {
    BindError::Backend {
        what: format!("`{}`, the `{key}` of a `[[client_tls]]`,", path.display()),
        remedy: "name a PEM file; relative paths start at the runtime configuration's folder".to_owned(),
        source: Box::new(error),
    }
}

fn refused(message: &str, remedy: &str) -> BindError {
    BindError::Refused { message: message.to_owned(), remedy: remedy.to_owned() }
}
