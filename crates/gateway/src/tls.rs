//! TLS for a listener: certificate and key from PEM files, HTTP/2 and HTTP/1.1 by ALPN, and new files picked up while serving.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// Certificate files are small; a larger file is a mistake, and must not be read into memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The certificate and key that a listener shows.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
    /// The files that were read last, whether they could be used or not.
    read: Mutex<Files>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is larger than {FILE_BYTES_MAX} bytes; is it a PEM file?", .0.display())]
    TooLarge(PathBuf),
    #[error("{} holds no certificate; it must be a PEM file with the server's certificate first, then its issuers", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds a certificate that is not valid PEM", path.display())]
    BadCertificate { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{} holds no usable private key; it must be a PEM file with one unencrypted key", path.display())]
    BadKey { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("the key in {} does not fit the certificate in {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf, source: rustls::Error },
}

#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate chain and its key from PEM files.
    ///
    /// # Errors
    /// [`TlsError`] that names the file.
    pub fn open(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.into(), key.into());
        let files = read(&certificate, &key)?;
        let config = RwLock::new(Arc::new(config(&certificate, &key, &files)?));
        Ok(Self { certificate, key, config, read: Mutex::new(files) })
    }

    /// Reads the files again. True when they have changed and new handshakes use them; connections that are open keep what they have.
    ///
    /// # Errors
    /// [`TlsError`] once for each broken change: the old certificate stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let files = read(&self.certificate, &self.key)?;
        let mut last = self.read.lock();
        if *last == files {
            return Ok(false);
        }
        let config = config(&self.certificate, &self.key, &files);
        *last = files;
        *self.config.write() = Arc::new(config?);
        Ok(true)
    }

    pub(crate) fn accept(&self, stream: TcpStream) -> Accept<TcpStream> {
        let config = Arc::clone(&self.config.read());
        TlsAcceptor::from(config).accept(stream)
    }
}

impl Tls {
    /// Looks whether the files have changed, and says so in the log.
    pub(crate) fn look(&self) {
        let certificate = self.certificate.display();
        match self.reload() {
            Ok(true) => tracing::info!(%certificate, "the TLS certificate was reloaded"),
            Ok(false) => {}
            // Half-written files are common here and pass by themselves.
            Err(error) => {
                let error = coracle_base::chain(&error);
                tracing::warn!(%certificate, "the TLS certificate could not be reloaded, the old one stays in use: {error}");
            }
        }
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Files, TlsError> {
    let read = |path: &Path| {
        let failed = |source| TlsError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
            return Err(TlsError::TooLarge(path.to_owned()));
        }
        std::fs::read(path).map_err(failed)
    };
    Ok(Files { certificate: read(certificate)?, key: read(key)? })
}

fn config(certificate: &Path, key: &Path, files: &Files) -> Result<ServerConfig, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&files.certificate)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::BadCertificate { path: certificate.to_owned(), source })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_slice(&files.key).map_err(|source| TlsError::BadKey { path: key.to_owned(), source })?;
    let mismatch = |source| TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
