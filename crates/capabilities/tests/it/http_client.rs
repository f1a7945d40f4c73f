//! Outgoing HTTP against servers of this process: by real guests, and through the hook that guests of every version end up in.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use coracle_capabilities::egress::{BlockedNetworks, Networking};
use coracle_capabilities::http_client::{Arrival, LocalRouter, LocalService, LocalTarget, arrive, view};
use coracle_capabilities::resolver::Environment;
use coracle_engine::{Bind, Grant, GrantRequest, Identity, InstanceState, Limits, Metered, RuntimeConfig};
use coracle_triggers::http::Body;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use wasmtime::component::Val;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::egress::Answers;
use crate::guest::{Given, Served};

type Boxed = UnsyncBoxBody<Bytes, Infallible>;

/// A server that tells each request back, and counts connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// How a server speaks.
#[derive(Clone)]
pub(crate) enum Speech {
    H1,
    H2,
    Tls(tokio_rustls::TlsAcceptor),
}

/// The method, target and fields of the request, and its body.
async fn told(request: Request<Incoming>) -> Result<Response<Boxed>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut text = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version);
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    if let Some(location) = parts.uri.path().strip_prefix("/to/") {
        let location = location.replace('|', "/");
        return Ok(Response::builder().status(302).header("location", location).body(Empty::new().boxed_unsync()).unwrap());
    }
    if parts.uri.path() == "/empty" {
        return Ok(Response::builder().status(204).body(Empty::new().boxed_unsync()).unwrap());
    }
    if parts.uri.path() == "/trailers" {
        let mut trailers = http::HeaderMap::new();
        for name in ["x-checksum", "content-length", "host", "x-coracle-a"] {
            trailers.insert(http::HeaderName::from_static(name), "1".parse().unwrap());
        }
        let frames = [Ok(Frame::data(Bytes::from("body"))), Ok(Frame::trailers(trailers))];
        let response = Response::builder().header("trailer", "x-checksum, x-coracle-a, host, content-length");
        return Ok(response.body(StreamBody::new(futures::stream::iter(frames)).boxed_unsync()).unwrap());
    }
    let body = body.collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    text += &String::from_utf8_lossy(&body);
    Ok(Response::builder().header("x-from", "server").header("keep-alive", "1").body(Full::from(text).boxed_unsync()).unwrap())
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, is_h2: bool) {
    let stream = TokioIo::new(stream);
    // A client that goes away ends its connection; that is no matter of the server's.
    if is_h2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service_fn(told)).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service_fn(told)).await;
    }
}

pub(crate) async fn server(speech: Speech) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, SeqCst);
            let speech = speech.clone();
            tokio::spawn(async move {
                match speech {
                    Speech::H1 => serve(stream, false).await,
                    Speech::H2 => serve(stream, true).await,
                    Speech::Tls(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                            serve(stream, is_h2).await;
                        }
                    }
                }
            });
        }
    });
    Server { address, connections }
}

impl Server {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A server that reads a head and answers each connection with the same bytes; then it waits for the client to leave.
async fn raw(answer: &'static [u8]) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                log.lock().unwrap().extend_from_slice(&head);
                let _ = stream.write_all(answer).await;
                if answer.ends_with(b"!") {
                    return;
                }
                let _ = stream.read_u8().await;
            });
        }
    });
    (address, seen)
}

/// A component without a guest: what its instances would send through the hook.
pub(crate) struct Caller {
    identity: Arc<Identity>,
    grants: Arc<[Box<dyn Grant>]>,
    limits: Arc<Limits>,
    router: Arc<LocalRouter>,
}

pub(crate) fn caller(mut given: Given) -> Caller {
    for capability in coracle_capabilities::ALL {
        let mut bind = Bind { site: &mut given.site, config: &mut given.config, labels: &BTreeMap::new() };
        capability.bind(&mut bind).unwrap();
    }
    assert_eq!(given.config.unused(), Vec::<String>::new());
    let request = GrantRequest { component: "caller", grants: &given.grants, site: &given.site };
    let grants = coracle_capabilities::grants(&request).unwrap().into();
    let identity = Arc::new(Identity { app: "test".to_owned(), component: "caller".to_owned() });
    Caller { identity, grants, limits: Arc::new(given.limits), router: given.site.shared().unwrap() }
}

pub(crate) fn allowed(entries: &[&str]) -> Given {
    Given::default().grant("outbound-hosts", json!(entries))
}

pub(crate) fn configured(mut given: Given, config: &str) -> Given {
    given.config = RuntimeConfig::new(config.parse().unwrap(), None);
    given
}

impl Caller {
    fn instance(&self) -> InstanceState {
        InstanceState::new(Arc::clone(&self.identity), Arc::clone(&self.grants), Arc::clone(&self.limits))
    }

    pub(crate) async fn get(&self, url: &str) -> Result<(u16, String), Error> {
        get(&mut self.instance(), url).await
    }
}

fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

async fn send(instance: &mut InstanceState, request: Request<WasiBody>, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
    let sending = view(instance).hooks.send_request(request, Some(options), Box::new(std::future::ready(Ok(()))));
    let (response, _) = Box::into_pin(sending).await?;
    Ok(response)
}

async fn get(instance: &mut InstanceState, url: &str) -> Result<(u16, String), Error> {
    let response = send(instance, Request::get(url).body(empty()).unwrap(), RequestOptions::default()).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

/// Asks one of the guests that relay what a URL answers.
pub(crate) async fn relayed(guest: &Served, url: &str) -> (u16, String) {
    let request = Request::get(format!("http://example.com/?url={url}")).header("host", "example.com").header("x-url", url);
    let answer = guest.answer(request.body(Body::empty()).unwrap()).await;
    answer.unwrap_or_else(|fault| (fault.status(), fault.to_string()))
}

#[tokio::test]
async fn guests_of_every_sdk_fetch_what_they_were_granted() {
    let server = server(Speech::H1).await;
    let url = server.url("/path?query");
    let host = format!("http://{}", server.address);
    for name in ["wstd-outbound", "spin5-outbound-http", "spin7-outbound-http"] {
        let guest = allowed(&[&host]).serve(name);
        let (status, body) = relayed(&guest, &url).await;
        assert_eq!(status, 200, "{name}: {body}");
        assert!(body.starts_with("GET /path?query HTTP/1.1\n"), "{name}: {body}");
        assert!(body.contains(&format!("host: {}\n", server.address)) && body.contains("x-from: "), "{name}: {body}");
    }
}

#[tokio::test]
async fn a_guest_of_the_first_snapshot_is_asked_and_asks() {
    let server = server(Speech::H1).await;
    let guest = allowed(&[&format!("http://{}", server.address)]).serve_built("snapshot-http");
    let told = guest.send("POST", "/path?query", "hello").await;
    assert_eq!(told, (200, r#"Method::Post Some("/path?query") Some(Scheme::Http) Some("example.com") hello"#.to_owned()));

    let ask = async |guest: &Served, url: &str| {
        let request = Request::get("http://example.com/").header("host", "example.com").header("url", url);
        guest.answer(request.body(Body::empty()).unwrap()).await.unwrap().1
    };
    let answer = ask(&guest, &server.url("/x?y")).await;
    assert!(answer.starts_with("200 GET /x?y HTTP/1.1\n") && answer.contains("x-from: snapshot\n"), "{answer}");
    assert_eq!(ask(&guest, &server.url("/empty")).await, "204 ");
    let denied = r#"Error::UnexpectedError("ErrorCode::HttpRequestDenied")"#;
    assert_eq!(ask(&guest, "http://elsewhere.dev/").await, denied);
    assert_eq!(ask(&Given::default().serve_built("snapshot-http"), &server.url("/")).await, denied);
}

#[tokio::test]
async fn guests_of_every_sdk_are_denied_what_they_were_not() {
    let server = server(Speech::H1).await;
    let url = server.url("/");
    for name in ["wstd-outbound", "spin5-outbound-http", "spin7-outbound-http"] {
        for given in [Given::default(), allowed(&["http://elsewhere.dev"])] {
            let (status, body) = relayed(&given.serve(name), &url).await;
            assert_eq!(status, 500, "{name}: {body}");
        }
    }
    assert_eq!(server.connections.load(SeqCst), 0);
}

#[tokio::test]
async fn a_guest_reaches_its_own_app_by_a_relative_address() {
    let (service, _seen) = echo();
    let guest = |name| {
        let mut given = allowed(&["http://self"]);
        let router = Arc::new(LocalRouter::default());
        router.set(&service);
        given.site.share(router);
        given.serve(name)
    };
    for (name, url) in [("spin7-outbound-http", "/own?a=b"), ("spin7-outbound-http", "http://self.alt/own?a=b")] {
        let (status, body) = relayed(&guest(name), url).await;
        assert_eq!((status, body.as_str()), (200, "App http://self.alt/own?a=b"), "{name}");
    }
}

#[tokio::test]
async fn connections_are_reused_within_an_app_and_never_between_two() {
    let server = server(Speech::H1).await;
    let (one, other) = (caller(allowed(&["http://*:*"])), caller(allowed(&["http://*:*"])));
    for _ in 0..3 {
        assert_eq!(one.get(&server.url("/")).await.unwrap().0, 200);
        assert_eq!(one.get(&server.url("/empty")).await.unwrap().0, 204);
    }
    assert_eq!(server.connections.load(SeqCst), 1);
    assert_eq!(other.get(&server.url("/")).await.unwrap().0, 200);
    assert_eq!(server.connections.load(SeqCst), 2);
}

#[tokio::test]
async fn pooling_is_on_unless_it_is_turned_off() {
    for (config, expected) in [("[outbound_http]\nmax_connections = 3", 1), ("[outbound_http]\nconnection_pooling = false", 2)] {
        let server = server(Speech::H1).await;
        let caller = caller(configured(allowed(&["http://*:*"]), config));
        for _ in 0..2 {
            assert_eq!(caller.get(&server.url("/")).await.unwrap().0, 200);
        }
        assert_eq!(server.connections.load(SeqCst), expected, "{config}");
    }
}

#[tokio::test]
async fn http2_without_tls_is_spoken_where_the_operator_knows_it() {
    let server = server(Speech::H2).await;
    let config = format!("[outbound_http]\nh2c_prior_knowledge = [\"{}\"]", server.address);
    let by_config = configured(allowed(&["http://*:*"]), &config);
    let variable = ("SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE".to_owned(), server.address.to_string());
    let mut by_environment = allowed(&["http://*:*"]);
    by_environment.site.share(Arc::new(Environment::new([variable])));
    for (connections, given) in [(1, by_config), (2, by_environment)] {
        let url = server.url("/x");
        let mut instance = caller(given).instance();
        for _ in 0..3 {
            let (status, body) = get(&mut instance, &url).await.unwrap();
            assert_eq!(status, 200);
            assert!(body.starts_with(&format!("GET {url} HTTP/2.0\n")) && !body.contains("host: "), "{body}");
        }
        assert_eq!(server.connections.load(SeqCst), connections);
    }
}

#[test]
fn a_table_of_outgoing_http_is_read_strictly() {
    for (table, expected) in [
        (
            "max_connections = 1\nmax_concurrent_requests = 1",
            "both `max_connections` and `max_concurrent_requests`; keep `max_connections`",
        ),
        ("max_conections = 1", "unknown field `max_conections`"),
        ("max_connections = -1", "`outbound_http` is not understood"),
        (
            "h2c_prior_knowledge = [\"x:y\"]",
            "`x:y` in `h2c_prior_knowledge` or `SPIN_OUTBOUND_H2C_PRIOR_KNOWLEDGE` cannot be used; write `host:port`",
        ),
    ] {
        let error = configured(Given::default(), &format!("[outbound_http]\n{table}")).bind().unwrap_err();
        let text = coracle_base::chain(&error).to_string();
        assert!(text.contains(expected), "{text}");
    }
}

/// A server certificate for `localhost`, and the file of its root.
fn certificate(alpn: &[&[u8]]) -> (tokio_rustls::TlsAcceptor, tempfile::NamedTempFile) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, signed.cert.pem().as_bytes()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![signed.cert.der().clone()], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), file)
}

#[tokio::test]
async fn tls_is_spoken_with_the_roots_that_the_operator_gave() {
    for (alpn, version) in [(&[b"h2".as_slice(), b"http/1.1"][..], "HTTP/2.0"), (&[b"http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")] {
        let (acceptor, root) = certificate(alpn);
        let server = server(Speech::Tls(acceptor)).await;
        let url = format!("https://localhost:{}/x", server.address.port());
        let config = |component: &str| {
            let root = root.path().display();
            format!("[[client_tls]]\ncomponent_ids = [\"{component}\"]\nhosts = [\"localhost\"]\nca_roots_file = \"{root}\"")
        };
        let mut given = configured(allowed(&["https://*:*"]), &config("caller"));
        given.site.share(Arc::new(Networking::new(BlockedNetworks::default(), Answers::new(&[&["127.0.0.1"]]))));
        let (status, body) = caller(given).get(&url).await.unwrap();
        assert_eq!(status, 200);
        assert!(body.contains(version), "{body}");

        let mut given = configured(allowed(&["https://*:*"]), &config("another"));
        given.site.share(Arc::new(Networking::new(BlockedNetworks::default(), Answers::new(&[&["127.0.0.1"]]))));
        let refused = caller(given).get(&url).await;
        assert!(matches!(refused, Err(Error::TlsCertificateError)), "{refused:?}");
    }
}

#[tokio::test]
async fn each_failure_has_its_own_code() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let caller_of = |answers: &[&[&str]], blocked: &[&str]| {
        let mut given = allowed(&["*://*:*"]);
        given.site.share(Arc::new(Networking::new(BlockedNetworks::parse(blocked).unwrap(), Answers::new(answers))));
        caller(given)
    };
    let caller = caller_of(&[], &[]);
    let found = caller.get(&format!("http://{closed}/")).await;
    assert!(matches!(found, Err(Error::ConnectionRefused)), "{found:?}");
    let found = caller.get("http://unknown.dev/").await;
    assert!(matches!(found, Err(Error::DnsError { .. })), "{found:?}");
    let found = caller.get("http://self.alt/").await;
    assert!(matches!(found, Err(Error::DestinationUnavailable)), "{found:?}");
    let found = caller_of(&[&["10.0.0.1", "::1"]], &["private"]).get("http://private.dev/").await;
    assert!(matches!(found, Err(Error::DestinationIpProhibited)), "{found:?}");
    for given in [Given::default(), allowed(&["http://elsewhere.dev"])] {
        let found = crate::http_client::caller(given).get(&format!("http://{closed}/")).await;
        assert!(matches!(found, Err(Error::HttpRequestDenied)), "{found:?}");
    }
}

#[tokio::test]
async fn a_broken_answer_is_told_by_its_kind() {
    static HUGE: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'a'; 70_000], b"\r\ncontent-length: 0\r\n\r\n"].concat());
    static MANY: std::sync::LazyLock<Vec<u8>> =
        std::sync::LazyLock::new(|| format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(129)).into_bytes());
    for (answer, expected) in [
        (b"nonsense\r\n\r\n!".as_slice(), "HttpProtocolError"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort!", "HttpResponseIncomplete"),
        (b"HTTP/1.1 200 OK\r\ncontent-le!", "HttpResponseIncomplete"),
        (b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n!", "HttpUpgradeFailed"),
        (&HUGE, "HttpResponseHeaderSectionSize"),
        (&MANY, "HttpResponseHeaderSectionSize"),
    ] {
        let (address, _) = raw(answer).await;
        let found = caller(allowed(&["http://*:*"])).get(&format!("http://{address}/")).await;
        let found = format!("{:?}", found.unwrap_err());
        assert!(found.starts_with(expected), "{expected}: {found}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_before_the_head_and_within_the_body() {
    let short = Some(Duration::from_millis(30));
    let caller = caller(allowed(&["http://*:*"]));
    let (silent, _) = raw(b"").await;
    let options = RequestOptions { first_byte_timeout: short, ..RequestOptions::default() };
    let request = || Request::get(format!("http://{silent}/")).body(empty()).unwrap();
    let found = send(&mut caller.instance(), request(), options).await.map(|_| ());
    assert!(matches!(found, Err(Error::ConnectionReadTimeout)), "{found:?}");

    let (stalling, _) = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").await;
    let options = RequestOptions { between_bytes_timeout: short, ..RequestOptions::default() };
    let request = Request::get(format!("http://{stalling}/")).body(empty()).unwrap();
    let response = send(&mut caller.instance(), request, options).await.unwrap();
    let found = response.into_body().collect().await.map(|_| ());
    assert!(matches!(found, Err(Error::ConnectionReadTimeout)), "{found:?}");
}

#[tokio::test]
async fn what_is_written_names_the_host_that_was_checked() {
    let (address, seen) = raw(b"HTTP/1.1 204 No Content\r\n\r\n!").await;
    let port = address.port();
    let mut given = allowed(&["http://good.dev:*"]);
    given.site.share(Arc::new(Networking::new(BlockedNetworks::default(), Answers::new(&[&["127.0.0.1"]]))));
    let caller = caller(given);
    let request = Request::get(format!("http://GOOD.dev.:{port}//evil.dev/?x"))
        .header("host", "evil.dev")
        .header("connection", "close, x-secret")
        .header("transfer-encoding", "chunked")
        .header("x-coracle-component", "other")
        .header("x-kept", "1");
    send(&mut caller.instance(), request.body(empty()).unwrap(), RequestOptions::default()).await.unwrap();
    let head = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["GET //evil.dev/?x HTTP/1.1", &format!("host: good.dev:{port}"), "x-kept: 1"]);
}

#[tokio::test]
async fn a_redirect_is_the_guests_to_follow() {
    let (first, second) = (server(Speech::H1).await, server(Speech::H1).await);
    let caller = caller(allowed(&["http://*:*"]));
    let (status, body) = caller.get(&first.url(&format!("/to/http:||{}|", second.address))).await.unwrap();
    assert_eq!((status, body.as_str()), (302, ""));
    assert_eq!((first.connections.load(SeqCst), second.connections.load(SeqCst)), (1, 0));
}

#[tokio::test]
async fn outbound_calls_are_bounded() {
    let server = server(Speech::H1).await;
    let limits = Limits { outbound_calls: 2, ..Limits::default() };
    let caller = caller(Given { limits, ..allowed(&["http://*:*"]) });
    let mut instance = caller.instance();
    for _ in 0..2 {
        assert_eq!(get(&mut instance, &server.url("/")).await.unwrap().0, 200);
    }
    let found = get(&mut instance, &server.url("/")).await;
    assert!(matches!(found, Err(Error::ConnectionLimitReached)), "{found:?}");
    assert_eq!(caller.get(&server.url("/")).await.unwrap().0, 200);
}

#[tokio::test]
async fn calls_at_once_wait_for_their_turn_as_long_as_a_connection_may_take() {
    let server = server(Speech::H1).await;
    let limits = Limits { outbound_concurrency: 1, ..Limits::default() };
    let caller = caller(Given { limits, ..allowed(&["http://*:*"]) });
    let mut instance = caller.instance();
    let request = || Request::get(server.url("/")).body(empty()).unwrap();
    let first = send(&mut instance, request(), RequestOptions::default()).await.unwrap();
    let hasty = RequestOptions { connect_timeout: Some(Duration::from_millis(20)), ..RequestOptions::default() };
    let found = send(&mut instance, request(), hasty).await.map(|_| ());
    assert!(matches!(found, Err(Error::ConnectionLimitReached)), "{found:?}");
    first.into_body().collect().await.unwrap();
    assert!(send(&mut instance, request(), hasty).await.is_ok());
}

#[tokio::test]
async fn the_operators_bounds_on_connections_hold() {
    let server = server(Speech::H1).await;
    let hasty = RequestOptions { connect_timeout: Some(Duration::from_millis(50)), ..RequestOptions::default() };
    for config in ["[outbound_http]\nmax_connections = 0", "[outbound_networking]\nmax_total_connections = 0"] {
        let caller = caller(configured(allowed(&["http://*:*"]), config));
        let found = caller.get(&server.url("/")).await;
        assert!(matches!(found, Err(Error::ConnectionLimitReached)), "{config}: {found:?}");
    }
    let one = [
        "[outbound_http]\nmax_connections = 1",
        // The old key allows one more than it says.
        "[outbound_http]\nmax_concurrent_requests = 0",
        "[outbound_networking]\nmax_total_connections = 1",
    ];
    for config in one {
        let caller = caller(configured(allowed(&["http://*:*"]), config));
        let request = |path: &str| Request::get(server.url(path)).body(empty()).unwrap();
        let first = send(&mut caller.instance(), request("/"), hasty).await.unwrap();
        let found = send(&mut caller.instance(), request("/"), hasty).await.map(|_| ());
        assert!(matches!(found, Err(Error::ConnectionLimitReached)), "{config}: {found:?}");
        first.into_body().collect().await.unwrap();
        // An idle connection to another host makes way.
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", other.local_addr().unwrap());
        let request = Request::get(url).body(empty()).unwrap();
        let options = RequestOptions { first_byte_timeout: Some(Duration::from_millis(20)), ..RequestOptions::default() };
        let found = send(&mut caller.instance(), request, options).await.map(|_| ());
        assert!(matches!(found, Err(Error::ConnectionReadTimeout)), "{config}: {found:?}");
    }
}

#[tokio::test]
async fn bodies_stream_both_ways_and_trailers_are_filtered() {
    let server = server(Speech::H1).await;
    let caller = caller(allowed(&["http://*:*"]));
    let frames = (0..10).map(|_| Ok::<_, Error>(Frame::data(Bytes::from(vec![b'a'; 100_000]))));
    let body = StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
    let request = Request::post(server.url("/")).body(body).unwrap();
    let response = send(&mut caller.instance(), request, RequestOptions::default()).await.unwrap();
    assert!(response.into_body().collect().await.unwrap().to_bytes().len() > 1_000_000);

    let request = Request::get(server.url("/trailers")).header("te", "trailers").body(empty()).unwrap();
    let response = send(&mut caller.instance(), request, RequestOptions::default()).await.unwrap();
    let collected = response.into_body().collect().await.unwrap();
    let names: Vec<_> = collected.trailers().map(|trailers| trailers.keys().map(ToString::to_string).collect()).unwrap_or_default();
    assert_eq!(names, ["x-checksum"]);
}

#[tokio::test]
async fn a_connection_that_died_in_the_pool_is_replaced() {
    let (address, seen) = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!").await;
    let caller = caller(allowed(&["http://*:*"]));
    for _ in 0..3 {
        assert_eq!(caller.get(&format!("http://{address}/")).await.unwrap(), (200, "!".to_owned()));
    }
    assert_eq!(String::from_utf8(seen.lock().unwrap().clone()).unwrap().matches("GET / HTTP/1.1").count(), 3);
}

type Seen = Arc<Mutex<Vec<(Vec<String>, Option<Arrival>)>>>;

/// Tells the target and the address back, and remembers names of fields.
struct Echo(Seen);

impl LocalService for Echo {
    fn call(&self, target: LocalTarget, request: Request<WasiBody>) -> BoxFuture<'static, Result<Response<WasiBody>, Error>> {
        let names = request.headers().keys().map(ToString::to_string).collect();
        self.0.lock().unwrap().push((names, request.extensions().get::<Arrival>().cloned()));
        let text = format!("{target:?} {}", request.uri());
        let body = Full::from(text).map_err(|never| match never {}).boxed_unsync();
        Box::pin(std::future::ready(Ok(Response::new(body))))
    }
}

fn echo() -> (Arc<dyn LocalService>, Seen) {
    let seen = Seen::default();
    (Arc::new(Echo(Arc::clone(&seen))), seen)
}

#[tokio::test]
async fn requests_inside_the_app_need_their_entry_and_no_socket() {
    let caller = caller(allowed(&["https://self", "http://one.spin.internal"]));
    let (service, seen) = echo();
    caller.router.set(&service);
    let mut instance = caller.instance();
    arrive(&mut instance, Arrival { traceparent: Some("00-a-b-01".parse().unwrap()), depth: 3 });
    for (url, expected) in [
        ("http://self.alt/a?b", "App http://self.alt/a?b"),
        ("http://one.spin.internal:99/c", "Component(\"one\") http://one.spin.internal/c"),
    ] {
        let request = Request::get(url).header("spin-path-info", "/spoofed").header("x-coracle-app", "other").body(empty()).unwrap();
        let response = send(&mut instance, request, RequestOptions::default()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), expected.as_bytes());
        let (mut names, arrival) = seen.lock().unwrap().pop().unwrap();
        names.sort();
        assert_eq!(names, ["host", "traceparent"]);
        assert_eq!(arrival.unwrap().depth, 4);
    }
    for url in ["http://two.spin.internal/", "https://one.spin.internal/", "http://a.one.spin.internal/"] {
        let found = get(&mut instance, url).await;
        assert!(matches!(found, Err(Error::HttpRequestDenied)), "{url}: {found:?}");
    }
}

#[tokio::test]
async fn an_app_that_calls_itself_comes_to_an_end() {
    let caller = caller(allowed(&["http://self"]));
    let (service, _) = echo();
    caller.router.set(&service);
    for (depth, is_ok) in [(15, true), (16, false)] {
        let mut instance = caller.instance();
        arrive(&mut instance, Arrival { depth, ..Arrival::default() });
        let found = get(&mut instance, "http://self.alt/").await;
        assert!(if is_ok { found.is_ok() } else { matches!(found, Err(Error::LoopDetected)) }, "{depth}: {found:?}");
    }
}

/// A component that imports `fermyon:spin/http` and hands its function on.
const SPIN_V1: &str = r#"(component
  (import "fermyon:spin/http-types" (instance $types
    (type $method' (enum "get" "post" "put" "delete" "patch" "head" "options"))
    (export "method" (type $method (eq $method')))
    (type $pairs (list (tuple string string)))
    (type $body (list u8))
    (type $maybe-body (option $body))
    (type $maybe-pairs (option $pairs))
    (type $request' (record (field "method" $method) (field "uri" string) (field "headers" $pairs) (field "params" $pairs) (field "body" $maybe-body)))
    (export "request" (type $request (eq $request')))
    (type $response' (record (field "status" u16) (field "headers" $maybe-pairs) (field "body" $maybe-body)))
    (export "response" (type $response (eq $response')))
    (type $error' (enum "success" "destination-not-allowed" "invalid-url" "request-error" "runtime-error" "too-many-requests"))
    (export "http-error" (type $error (eq $error')))))
  (alias export $types "request" (type $request))
  (alias export $types "response" (type $response))
  (alias export $types "http-error" (type $error))
  (import "fermyon:spin/http" (instance $http
    (alias outer 1 $request (type $request'))
    (export "request" (type $request (eq $request')))
    (alias outer 1 $response (type $response'))
    (export "response" (type $response (eq $response')))
    (alias outer 1 $error (type $error'))
    (export "http-error" (type $error (eq $error')))
    (export "send-request" (func (param "req" $request) (result (result $response (error $error)))))))
  (core module $memory-module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $m (instantiate $memory-module))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (core func $low (canon lower (func $http "send-request") (memory $memory) (realloc $realloc)))
  (core module $shim
    (import "host" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (func (export "send") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (call $send (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7)
        (local.get 8) (local.get 9) (i32.const 16))
      (i32.const 16)))
  (core instance $s (instantiate $shim (with "host" (instance (export "send" (func $low))))))
  (func (export "send-request") (param "req" $request) (result (result $response (error $error)))
    (canon lift (core func $s "send") (memory $memory) (realloc $realloc))))"#;

#[tokio::test]
async fn spins_first_interface_follows_redirects_under_the_same_rules() {
    let server = server(Speech::H1).await;
    let here = server.address;
    let runnable = allowed(&[&format!("http://{here}")]).run("spin-v1", &wat::parse_str(SPIN_V1).unwrap());
    let pairs = |pairs: &[(&str, &str)]| {
        let text = |text: &str| Val::String(text.to_owned());
        Val::List(pairs.iter().map(|(name, value)| Val::Tuple(vec![text(name), text(value)])).collect())
    };
    for (uri, expected) in [
        (format!("http://{here}/x"), Ok(200)),
        (format!("http://{here}/to/|to|y"), Err("request-error")),
        (format!("http://{here}/to/|y"), Ok(200)),
        (format!("http://{here}/to/http:||127.0.0.1:1|"), Err("destination-not-allowed")),
        ("http://elsewhere.dev/".to_owned(), Err("destination-not-allowed")),
        ("/own".to_owned(), Err("destination-not-allowed")),
        ("nonsense".to_owned(), Err("invalid-url")),
        ("ftp://x.dev/".to_owned(), Err("invalid-url")),
    ] {
        let request = Val::Record(vec![
            ("method".to_owned(), Val::Enum("get".to_owned())),
            ("uri".to_owned(), Val::String(uri.clone())),
            ("headers".to_owned(), pairs(&[("x-kept", "1"), ("host", "evil.dev")])),
            ("params".to_owned(), pairs(&[])),
            ("body".to_owned(), Val::Option(None)),
        ]);
        let mut store = runnable.store().unwrap();
        let meter = Arc::clone(store.data().meter());
        let calling = async {
            let instance = runnable.pre().unwrap().instantiate_async(&mut store).await.unwrap();
            let function = instance.get_func(&mut store, "send-request").unwrap();
            let mut results = [Val::Bool(false)];
            function.call_async(&mut store, &[request], &mut results).await.unwrap();
            format!("{results:?}")
        };
        let found = Metered::new(calling, meter).await.unwrap();
        match expected {
            Ok(status) => assert!(found.contains(&format!("U16({status})")), "{uri}: {found}"),
            Err(code) => assert!(found.contains(code), "{uri}: {found}"),
        }
    }
    assert_eq!(server.connections.load(SeqCst), 1);
}
