//! `[[client_tls]]` of the runtime configuration: whom a component trusts over TLS, and as whom it is met.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use coracle_capabilities::egress::{BlockedNetworks, Networking};
use coracle_engine::BindError;
use rcgen::CertifiedKey;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::Error;

use crate::egress::Answers;
use crate::guest::Given;
use crate::http_client::{Server, Speech, allowed, caller, configured, server};

type Signed = CertifiedKey<rcgen::KeyPair>;

fn signed(name: &str) -> Signed {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A server that proves to be `own`, and wants its clients to prove to be `client`.
async fn serve(own: &Signed, client: Option<&Signed>) -> Server {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.cert.der().clone()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
        }
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let config = builder.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    server(Speech::Tls(TlsAcceptor::from(Arc::new(config)))).await
}

/// A component that may call anybody, for which `localhost` is this machine.
fn given(config: &str) -> Given {
    let mut given = configured(allowed(&["https://*:*"]), config);
    given.site.share(Arc::new(Networking::new(BlockedNetworks::default(), Answers::new(&[&["127.0.0.1"]]))));
    given
}

fn table(component: &str, keys: &str) -> String {
    format!("[[client_tls]]\ncomponent_ids = [\"{component}\"]\nhosts = [\"localhost\"]\n{keys}\n")
}

async fn get(server: &Server, config: &str) -> Result<u16, Error> {
    let url = format!("https://localhost:{}/", server.address.port());
    caller(given(config)).get(&url).await.map(|(status, _)| status)
}

#[tokio::test]
async fn a_certificate_is_shown_by_the_component_that_has_it_and_no_other() {
    let (own, client, stranger) = (signed("localhost"), signed("client"), signed("stranger"));
    let server = serve(&own, Some(&client)).await;
    let root = file(&own.cert.pem());
    let roots = format!("ca_roots_file = {:?}", root.path());
    let shown = |shown: &Signed| {
        let (certificate, key) = (file(&shown.cert.pem()), file(&shown.signing_key.serialize_pem()));
        let keys = format!("{roots}\nclient_cert_file = {:?}\nclient_private_key_file = {:?}", certificate.path(), key.path());
        (keys, certificate, key)
    };
    let (keys, ..) = &shown(&client);
    assert_eq!(get(&server, &table("caller", keys)).await.unwrap(), 200);

    let others = format!("{}{}", table("another", keys), table("caller", &roots));
    let refused = get(&server, &others).await;
    assert!(matches!(refused, Err(Error::TlsAlertReceived { .. })), "{refused:?}");
    let (keys, ..) = &shown(&stranger);
    let refused = get(&server, &table("caller", keys)).await;
    assert!(matches!(refused, Err(Error::TlsAlertReceived { .. })), "{refused:?}");
}

#[tokio::test]
async fn roots_are_those_that_the_table_names() {
    let own = signed("localhost");
    let server = serve(&own, None).await;
    let root = file(&own.cert.pem());
    let file = format!("ca_roots_file = {:?}\n", root.path());
    for (keys, is_trusted) in [
        (file.clone(), true),
        (format!("{file}ca_use_webpki_roots = true"), true),
        (format!("{file}ca_use_webpki_roots = false\nca_use_platform_roots = false"), true),
        ("ca_use_webpki_roots = true".to_owned(), false),
        ("ca_use_webpki_roots = true\nca_use_platform_roots = true".to_owned(), false),
    ] {
        let found = get(&server, &table("caller", &keys)).await;
        let is_expected = if is_trusted { found.is_ok() } else { matches!(found, Err(Error::TlsCertificateError)) };
        assert!(is_expected, "{keys}: {found:?}");
    }
    // The machine's roots are the default also where the others are refused in so many words.
    let has_roots = !rustls_native_certs::load_native_certs().certs.is_empty();
    assert_eq!(given(&table("caller", "ca_use_webpki_roots = false")).bind().is_ok(), has_roots);
}

#[test]
fn a_table_that_cannot_be_followed_is_named_with_a_way_out() {
    let own = signed("localhost");
    let (certificate, other, text) = (file(&own.cert.pem()), file(&signed("other").signing_key.serialize_pem()), file("no PEM"));
    let (certificate, other, text) = (certificate.path(), other.path(), text.path());
    let named = |keys: &str| table("caller", keys);
    for (config, expected) in [
        ("[[client_tls]]\ncomponent_ids = []\nhosts = [\"x\"]".to_owned(), "empty `component_ids` or `hosts`; name at least one"),
        ("[[client_tls]]\ncomponent_ids = [\"a\"]\nhosts = []".to_owned(), "empty `component_ids` or `hosts`"),
        ("[[client_tls]]\ncomponent_ids = [\"a\"]".to_owned(), "missing field `hosts`"),
        ("[[client_tls]]\ncomponent_ids = [\"a\"]\nhosts = [\"x:443\"]".to_owned(), "`x:443` in `[[client_tls]]` is no host"),
        (named("ca_root_file = \"x\""), "unknown field `ca_root_file`"),
        (named(&format!("client_cert_file = {certificate:?}")), "one of `client_cert_file` and `client_private_key_file`; name both"),
        (named("ca_use_platform_roots = false"), "a `[[client_tls]]` trusts no root; set `ca_use_webpki_roots = true`"),
        (named("ca_roots_file = \"nothing.pem\""), "`/etc/coracle/nothing.pem`, the `ca_roots_file` of a `[[client_tls]]`, cannot be used"),
        (named(&format!("ca_roots_file = {text:?}")), "it holds no certificate"),
        (
            named(&format!("client_cert_file = {certificate:?}\nclient_private_key_file = {text:?}\nca_use_webpki_roots = true")),
            "name a PEM file",
        ),
        (
            named(&format!("client_cert_file = {certificate:?}\nclient_private_key_file = {other:?}\nca_use_webpki_roots = true")),
            "name a key that belongs to the certificate",
        ),
    ] {
        let bound: Result<(), BindError> = Given::default().runtime_config(&config, Path::new("/etc/coracle")).bind();
        let error = coracle_base::chain(&bound.unwrap_err()).to_string();
        assert!(error.contains(expected), "{config}: {error}");
    }
}
