//! TLS to servers, for every client: the machine's roots, and how a server proves who it is.

use std::sync::Arc;

use rustls::client::Resumption;
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

/// The roots of the machine; where it has none, as in many containers, Mozilla's. Reads files: some machines keep thousands of them.
pub(crate) fn usual_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The name by which a server has to prove who it is; `None` for what is no server of the network.
pub(crate) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::Address(address) => Some(ServerName::from(*address)),
        Host::Own | Host::Component(_) => None,
    }
}
