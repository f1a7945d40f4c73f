//! What a service gets to see of a request.

use coracle_testkit::raw::Response;

use crate::harness::{Options, Seen, Site};

fn seen(site: &Site, bytes: impl AsRef<[u8]>) -> Seen {
    let responses = site.exchange(bytes);
    assert_eq!(responses.first().map(|response| response.status), Some(200), "{responses:?}");
    site.seen().pop().unwrap()
}

#[test]
fn the_uri_carries_scheme_authority_and_raw_path() {
    let site = Site::echo();
    for (bytes, uri) in [
        ("GET /a%2Fb/../c//d?x=1&y=%20 HTTP/1.1\r\nhost: Example.com:80\r\n\r\n", "http://Example.com:80/a%2Fb/../c//d?x=1&y=%20"),
        ("GET http://a?x HTTP/1.1\r\nhost: a\r\n\r\n", "http://a/?x"),
        ("GET https://a/b HTTP/1.1\r\nhost: a\r\n\r\n", "http://a/b"),
        ("GET //evil.example/x HTTP/1.1\r\nhost: a\r\n\r\n", "http://a//evil.example/x"),
        ("GET / HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n", "http://[::1]:8080/"),
    ] {
        assert_eq!(seen(&site, bytes).uri, uri, "{bytes}");
    }
    let own = seen(&site, "GET /x HTTP/1.0\r\n\r\n");
    assert_eq!(own.uri, format!("http://{}/x", site.address()));
    assert_eq!(own.headers.get("host").unwrap(), &site.address().to_string());
}

#[test]
fn hosts_of_one_connection_do_not_mix() {
    let site = Site::echo();
    let get = |host: &str| format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
    site.exchange([get("a"), get("b"), get("a"), get("A")].concat());
    let uris: Vec<String> = site.seen().into_iter().map(|seen| seen.uri).collect();
    assert_eq!(uris, ["http://a/", "http://b/", "http://a/", "http://A/"]);
}

#[test]
fn fields_of_the_host_cannot_be_set_by_a_client() {
    let fields =
        "spin-client-addr: 1.2.3.4:5\r\nSpin-Path-Info: /x\r\nspin-own: x\r\nX-Coracle-App: x\r\nx-spin: kept\r\nspinach: kept\r\n";
    let seen = seen(&Site::echo(), format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
    let mut names: Vec<&str> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["host", "spinach", "x-spin"]);
}

#[test]
fn fields_of_the_connection_end_here() {
    let fields = "connection: close, X-Listed, content-length, host\r\nkeep-alive: 5\r\nproxy-connection: x\r\nupgrade: x\r\nhttp2-settings: x\r\n\
        x-listed: x\r\nte: gzip, trailers\r\nx-kept: x\r\ncontent-length: 2\r\n";
    let seen = seen(&Site::echo(), format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\nhi"));
    let mut names: Vec<&str> = seen.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "host", "te", "x-kept"]);
    assert_eq!(seen.headers["te"], "trailers");
    assert_eq!(seen.body.as_deref(), Some("hi"));
}

#[test]
fn values_that_are_not_utf8_arrive_as_they_are() {
    let seen = seen(&Site::echo(), b"GET / HTTP/1.1\r\nhost: a\r\nx-name: caf\xe9\xff\r\n\r\n");
    assert_eq!(seen.headers["x-name"].as_bytes(), b"caf\xe9\xff");
}

#[test]
fn bodies_arrive_without_their_framing() {
    let site = Site::echo();
    for (bytes, body) in [
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello", "hello"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nx-t: 1\r\n\r\n", "hello"),
        ("POST / HTTP/1.1\r\nhost: a\r\n\r\n", ""),
    ] {
        let seen = seen(&site, bytes);
        assert_eq!(seen.body.as_deref(), Some(body));
        assert!(!seen.headers.contains_key("transfer-encoding"));
    }
}

/// Sizes at, and one above, each bound.
#[test]
fn what_is_too_large_has_its_status() {
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(bytes - 1));
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(count - 1));
    let head = |bytes: usize| {
        let empty = "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(bytes - empty))
    };
    let announced = |bytes: u64| format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {bytes}\r\n\r\n");
    for (name, bytes, status) in [
        ("8 KiB target", target(8 << 10), 200),
        ("target of one more", target((8 << 10) + 1), 414),
        ("target of 60 KiB", target(60 << 10), 414),
        ("128 fields", fields(128), 200),
        ("129 fields", fields(129), 431),
        ("10,000 fields", fields(10_000), 431),
        ("64 KiB head", head(64 << 10), 200),
        ("head of one more", head((64 << 10) + 1), 431),
        ("head that does not end", head(200 << 10).trim_end().to_owned(), 431),
        ("body of one more than 100 MiB", announced((100 << 20) + 1), 413),
        ("body of 2^60", announced(1 << 60), 413),
    ] {
        let site = Site::echo();
        let statuses: Vec<u16> = site.exchange(bytes).iter().map(|response| response.status).collect();
        assert_eq!(statuses, [status], "{name}");
        assert_eq!(site.seen().len(), usize::from(status == 200), "{name}");
    }
}

#[test]
fn a_streamed_body_is_bounded_whatever_the_service_answers() {
    let bounds = coracle_gateway::Bounds { body_bytes_max: 10, ..Default::default() };
    let chunked = |count: usize| {
        format!("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", "5\r\nhello\r\n".repeat(count))
    };
    for (count, status) in [(2, 200), (3, 413), (3_000, 413)] {
        let site = Site::echo_with(bounds.clone());
        let statuses: Vec<u16> = site.exchange(chunked(count)).iter().map(|response| response.status).collect();
        assert_eq!(statuses, [status], "{count} chunks");
    }
}

#[test]
fn an_early_answer_leaves_no_request_in_the_unread_body() {
    use coracle_triggers::http::Body;
    // The body pretends to be requests. The service never reads it.
    for bytes in [1_000, 100_000, 1_000_000] {
        let site = Site::answering(Options::default(), |_| async { http::Response::new(Body::full("early")) });
        let inner = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n".repeat(bytes / 37);
        let outer = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{inner}", inner.len());
        let responses: Vec<Response> = site.exchange(outer);
        assert_eq!(responses.len(), 1, "{bytes}: {responses:?}");
        assert_eq!(responses[0].text(), "early");
        assert_eq!(site.seen().len(), 1);
    }
}
