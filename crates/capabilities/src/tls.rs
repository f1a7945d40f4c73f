//! TLS to servers, for every client: the machine's roots, and how a server proves who it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{BindError, RuntimeConfig};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;

use crate::egress::Host;

/// Sessions that an identity remembers for resumption.
const SESSIONS_MAX: usize = 64;

/// A certificate to show, and its key.
pub(crate) type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// How to speak TLS with servers that `roots` vouch for, showing `shown` to those that ask. No ALPN.
///
/// # Errors
/// When the key does not belong to the certificate.
pub(crate) fn client_config(roots: RootCertStore, shown: Option<Shown>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?.with_root_certificates(roots);
    let mut config = match shown {
        Some((certificates, key)) => builder.with_client_auth_cert(certificates, key)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    Ok(config)
}

/// Why files do not make a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// A file is not PEM.
    #[error("{} is not PEM that could be read", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// A file vouches for nobody.
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// The key is not the certificate's.
    #[error("the key does not belong to the certificate")]
    Key(#[source] rustls::Error),
}

/// How to speak TLS with servers that the certificates in `roots` vouch for (the machine's without one), showing a certificate and its key.
///
/// # Errors
/// [`FileError`].
pub(crate) fn from_files(roots: Option<&Path>, shown: Option<&(PathBuf, PathBuf)>) -> Result<ClientConfig, FileError> {
    let trusted = roots.map_or_else(|| Ok(usual_roots()), roots_in)?;
    let shown = shown.map(|(certificate, key)| {
        let read = PrivateKeyDer::from_pem_file(key).map_err(|source| FileError::Pem { path: key.clone(), source })?;
        Ok((certificates(certificate)?, read))
    });
    client_config(trusted, shown.transpose()?).map_err(FileError::Key)
}

/// The certificates in a file of PEM, of which there is one at least.
///
/// # Errors
/// [`FileError`].
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|source| FileError::Pem { path: path.to_owned(), source })?;
    if read.is_empty() { Err(FileError::Empty(path.to_owned())) } else { Ok(read) }
}

/// The roots in a file of PEM. What is no certificate of a root is left out, and one at least is left.
///
/// # Errors
/// [`FileError`].
pub(crate) fn roots_in(path: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    if roots.is_empty() { Err(FileError::Empty(path.to_owned())) } else { Ok(roots) }
}

/// Who vouches for the servers that guests name in one protocol: the certificates that the operator names under [`Trust::KEY`] in the
/// table of that protocol, or else the machine's. One value for an app.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    named: Option<Vec<CertificateDer<'static>>>,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    /// The key of the tables.
    const KEY: &str = "ca_roots_file";

    /// Reads the `file` that `[table]` of the runtime configuration names, if it names one. A relative path starts at the configuration's
    /// folder.
    ///
    /// # Errors
    /// [`BindError::Backend`] when it cannot be used.
    pub(crate) fn read(config: &RuntimeConfig, table: &str, file: Option<&Path>) -> Result<Self, BindError> {
        let read = |file: &Path| {
            let path = config.folder().join(file);
            roots_in(&path)?;
            certificates(&path)
        };
        let named = file.map(read).transpose().map_err(|source| BindError::Backend {
            what: format!("the `{}` of `[{table}]` in the runtime configuration", Self::KEY),
            remedy: "name certificates as PEM; a relative path starts at the runtime configuration's folder".to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self { named, config: OnceCell::new() })
    }

    /// How to speak TLS; `None` where that cannot be set up. The machine's roots are read when the first connection needs them, where
    /// that holds nobody up: some machines keep thousands of them.
    pub(crate) async fn config(&self) -> Option<Arc<ClientConfig>> {
        let make = async || {
            let roots = match &self.named {
                Some(named) => {
                    let mut roots = RootCertStore::empty();
                    roots.add_parsable_certificates(named.iter().cloned());
                    roots
                }
                None => tokio::task::spawn_blocking(usual_roots).await.map_err(drop)?,
            };
            client_config(roots, None).map(Arc::new).map_err(drop)
        };
        self.config.get_or_try_init(make).await.ok().cloned()
    }

    /// The certificates that the operator named, for a library that makes roots of them itself.
    pub(crate) fn named(&self) -> Option<&[CertificateDer<'static>]> {
        self.named.as_deref()
    }
}

/// The roots of the machine; where it has none, as in many containers, Mozilla's. Reads files: some machines keep thousands of them.
pub(crate) fn usual_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The certificates of the machine's roots, for a library that makes roots of them itself. What is none is left out.
pub(crate) fn machine_certificates() -> Vec<CertificateDer<'static>> {
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    let mut roots = RootCertStore::empty();
    certificates.retain(|certificate| roots.add(certificate.clone()).is_ok());
    certificates
}

/// The name by which a server has to prove who it is; `None` for what is no server of the network.
pub(crate) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::Address(address) => Some(ServerName::from(*address)),
        Host::Own | Host::Component(_) => None,
    }
}
