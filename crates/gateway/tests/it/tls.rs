//! TLS: which protocol is spoken, new certificates while serving, and handshakes that stall.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coracle_gateway::{Bounds, Drained, Tls, TlsError};
use coracle_testkit::certificates::Certificate;
use coracle_testkit::raw;
use coracle_triggers::http::Body;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Options, Site, wait_for};

fn open(certificate: &Certificate) -> Arc<Tls> {
    Arc::new(Tls::open(certificate.certificate(), certificate.key()).unwrap())
}

/// Answers with the version and URI of the request.
fn site(tls: &Arc<Tls>, bounds: Bounds) -> Site {
    let options = Options { bounds, tls: Some(Arc::clone(tls)), ..Options::default() };
    Site::answering(options, |request| async move { http::Response::new(Body::full(format!("{:?} {}", request.version(), request.uri()))) })
}

async fn connect(site: &Site, certificate: &Certificate, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(site.address()).await?;
    let connector = TlsConnector::from(certificate.client(protocols).unwrap());
    connector.connect("localhost".try_into().unwrap(), stream).await
}

async fn get_http1(stream: TlsStream<TcpStream>) -> String {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/x").header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

async fn get_http2(stream: TlsStream<TcpStream>) -> String {
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/x").version(Version::HTTP_2).body(Empty::<Bytes>::new()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_protocol_is_chosen_by_alpn() {
    let certificate = Certificate::new().unwrap();
    let site = site(&open(&certificate), Bounds::default());
    let both = connect(&site, &certificate, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(get_http2(both).await, "HTTP/2.0 https://localhost/x");
    for protocols in [&["http/1.1"][..], &[]] {
        let old = connect(&site, &certificate, protocols).await.unwrap();
        assert_eq!(get_http1(old).await, "HTTP/1.1 https://localhost/x", "{protocols:?}");
    }
    assert!(connect(&site, &certificate, &["spdy/3"]).await.is_err());
}

#[tokio::test]
async fn a_new_certificate_is_used_and_open_connections_stay() {
    let mut certificate = Certificate::new().unwrap();
    let tls = open(&certificate);
    let site = site(&tls, Bounds::default());
    let old = connect(&site, &certificate, &[]).await.unwrap();
    let before = certificate.der().clone();
    certificate.replace().unwrap();
    // The server may have been faster.
    tls.reload().unwrap();
    let new = connect(&site, &certificate, &[]).await.unwrap();
    assert_ne!(new.get_ref().1.peer_certificates().unwrap()[0], before);
    assert_eq!(get_http1(old).await, "HTTP/1.1 https://localhost/x");
    assert_eq!(get_http1(new).await, "HTTP/1.1 https://localhost/x");
}

#[tokio::test]
async fn a_new_certificate_is_noticed_without_being_told() {
    let mut certificate = Certificate::new().unwrap();
    let site = site(&open(&certificate), Bounds::default());
    certificate.replace().unwrap();
    tokio::time::timeout(Duration::from_secs(5), async {
        // The client trusts the new certificate only.
        while connect(&site, &certificate, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_broken_certificate_leaves_the_old_one_in_use() {
    let certificate = Certificate::new().unwrap();
    let tls = open(&certificate);
    let other = Certificate::new().unwrap();
    std::fs::copy(other.key(), certificate.key()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
    std::fs::write(certificate.certificate(), "no certificate").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::NoCertificate(_))));
    assert!(!tls.reload().unwrap(), "a broken change is reported once");
    std::fs::remove_file(certificate.key()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Read { .. })));
    let site = site(&tls, Bounds::default());
    let stream = connect(&site, &certificate, &[]).await.unwrap();
    assert_eq!(get_http1(stream).await, "HTTP/1.1 https://localhost/x");
}

#[test]
fn a_reload_says_whether_there_was_something_new() {
    let mut certificate = Certificate::new().unwrap();
    let tls = open(&certificate);
    assert!(!tls.reload().unwrap());
    certificate.replace().unwrap();
    assert!(tls.reload().unwrap());
    assert!(!tls.reload().unwrap());
}

#[tokio::test]
async fn stalled_handshakes_hold_up_nobody_and_end() {
    let certificate = Certificate::new().unwrap();
    let site = site(&open(&certificate), Bounds { handshake: Duration::from_secs(2), ..Bounds::default() });
    let stalled: Vec<_> = (0..50)
        .map(|number| {
            let mut stream = raw::connect(site.address()).unwrap();
            // Nothing, the start of a record, or another protocol.
            stream.write_all([&b""[..], b"\x16\x03\x01\x02", b"\x16\x03\x01\x40\x00"][number % 3]).unwrap();
            stream
        })
        .collect();
    let stream = connect(&site, &certificate, &[]).await.unwrap();
    assert_eq!(get_http1(stream).await, "HTTP/1.1 https://localhost/x");
    for mut stream in stalled {
        assert_eq!(raw::read_to_end(&mut stream).unwrap(), b"");
    }
    wait_for("the end of all but one", || site.server.traffic().connections_open <= 1);
}

/// With its request still on the way, as in `drain` over cleartext.
#[tokio::test]
async fn a_client_that_was_let_in_is_answered() {
    let certificate = Certificate::new().unwrap();
    let site = site(&open(&certificate), Bounds { leave: raw::PATIENCE, ..Bounds::default() });
    let address = site.address();
    let stream = connect(&site, &certificate, &["http/1.1"]).await.unwrap();
    let stopping = tokio::spawn(site.server.shutdown(Duration::from_secs(30)));
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(get_http1(stream).await, "HTTP/1.1 https://localhost/x");
    assert_eq!(stopping.await.unwrap(), Drained { requests_cut: 0 });
}

#[test]
fn cleartext_on_a_tls_port_is_no_request() {
    let certificate = Certificate::new().unwrap();
    let site = site(&open(&certificate), Bounds::default());
    let answer = raw::until_closed(site.address(), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(site.seen().len(), 0);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let certificate = Certificate::new().unwrap();
    let missing = Tls::open("/no/such/cert.pem", certificate.key()).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /no/such/cert.pem");
    let swapped = Tls::open(certificate.key(), certificate.certificate()).unwrap_err();
    assert!(swapped.to_string().ends_with("it must be a PEM file with the server's certificate first, then its issuers"), "{swapped}");
    let no_key = Tls::open(certificate.certificate(), certificate.certificate()).unwrap_err();
    assert!(matches!(no_key, TlsError::BadKey { .. }), "{no_key}");
}
