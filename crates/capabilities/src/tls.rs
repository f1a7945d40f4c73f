//! TLS to servers, for every client: the machine's roots, and how a server proves who it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

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
    let certificates = |path: &Path| {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let read = read.map_err(|source| FileError::Pem { path: path.to_owned(), source })?;
        if read.is_empty() { Err(FileError::Empty(path.to_owned())) } else { Ok(read) }
    };
    let trusted = match roots {
        Some(path) => {
            let mut trusted = RootCertStore::empty();
            trusted.add_parsable_certificates(certificates(path)?);
            trusted
        }
        None => usual_roots(),
    };
    let shown = shown.map(|(certificate, key)| {
        let read = PrivateKeyDer::from_pem_file(key).map_err(|source| FileError::Pem { path: key.clone(), source })?;
        Ok((certificates(certificate)?, read))
    });
    client_config(trusted, shown.transpose()?).map_err(FileError::Key)
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
