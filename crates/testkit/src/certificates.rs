//! Certificates made for one test, in files that are gone when it ends, and clients that trust them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, DnType, IsCa, Issuer, KeyPair, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

/// An authority, and what it vouches for: a server at `localhost` and a client. All of it lies in one folder, as PEM files.
pub struct Authority(TempDir);

/// The files of a certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new() -> Result<Self> {
        let authority = Self(tempfile::tempdir()?);
        let mut params = named("authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        std::fs::write(authority.root(), params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        for (name, pair) in [("localhost", authority.server()), ("client", authority.client())] {
            let key = KeyPair::generate()?;
            std::fs::write(pair.certificate, named(name)?.signed_by(&key, &issuer)?.pem())?;
            std::fs::write(pair.key, key.serialize_pem())?;
        }
        Ok(authority)
    }

    /// The file of the authority's own certificate.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.0.path().join("authority.pem")
    }

    /// How the server proves who it is.
    #[must_use]
    pub fn server(&self) -> Pair {
        self.pair("server")
    }

    /// How the client proves who it is.
    #[must_use]
    pub fn client(&self) -> Pair {
        self.pair("client")
    }

    fn pair(&self, name: &str) -> Pair {
        let file = |kind: &str| self.0.path().join(format!("{name}-{kind}.pem"));
        Pair { certificate: file("cert"), key: file("key") }
    }
}

fn named(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

/// A certificate for `localhost` and its key, as PEM files.
pub struct Certificate {
    folder: TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// A new one.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let der = write(folder.path())?;
        Ok(Self { folder, der })
    }

    /// The file of the certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The file of its key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// The certificate itself.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Writes another certificate into the same files.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn replace(&mut self) -> Result<()> {
        self.der = write(self.folder.path())?;
        Ok(())
    }

    /// A client that trusts this certificate only, and offers `protocols` by ALPN.
    ///
    /// # Errors
    /// When the certificate cannot be trusted.
    pub fn client(&self, protocols: &[&str]) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn write(folder: &Path) -> Result<CertificateDer<'static>> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).context("cannot write the key")?;
    std::fs::write(folder.join("cert.pem"), cert.pem()).context("cannot write the certificate")?;
    Ok(cert.der().clone())
}
