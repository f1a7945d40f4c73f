//! HTTP/1 byte for byte: what is refused, what is served, and how many requests the service saw.

use std::ops::RangeInclusive;

use crate::harness::Site;

/// One exchange: what is sent, the statuses that come back, and the requests that reach the service.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    statuses: &'static [u16],
    served: RangeInclusive<usize>,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, statuses: &'static [u16], served: usize) -> Case {
    Case { name, bytes: bytes.into(), statuses, served: served..=served }
}

/// A good head with a body that breaks off. Whether the service is called depends on how much of it comes with the head.
fn broken(name: &'static str, body: &str, status: &'static [u16]) -> Case {
    Case { name, bytes: format!("{}{SMUGGLED}", chunked(body)).into_bytes(), statuses: status, served: 0..=1 }
}

/// Runs each case on a connection of its own. What is refused is refused once and closes the connection.
#[track_caller]
fn check(cases: Vec<Case>) {
    let site = Site::echo();
    let mut wrong = Vec::new();
    for Case { name, bytes, statuses, served } in cases {
        let before = site.seen().len();
        let responses = site.exchange(&bytes);
        let got: Vec<u16> = responses.iter().map(|response| response.status).collect();
        let seen = site.seen().split_off(before);
        let is_smuggled = statuses.len() == 1 && seen.iter().any(|seen| seen.uri.ends_with("/smuggled"));
        if got != statuses || !served.contains(&seen.len()) || is_smuggled {
            wrong.push(format!("{name}: expected {statuses:?} and {served:?} served, got {responses:?} and {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A request that would be served if it were read as one.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("transfer-encoding: chunked\r\n", body)
}

/// As many as were promised, and none twice.
#[test]
fn the_tables_are_long_enough() {
    let tables = [good(), two_framings(), malformed_chunks(), malformed_heads(), hosts()];
    let names: std::collections::BTreeSet<_> = tables.iter().flatten().map(|case| case.name).collect();
    assert!(names.len() >= 60, "{}", names.len());
    assert_eq!(names.len(), tables.iter().map(Vec::len).sum::<usize>());
}

#[test]
fn good_requests_are_served() {
    check(good());
}

fn good() -> Vec<Case> {
    vec![
        case("plain", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", &[200], 1),
        case("one empty line first", "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", &[200], 1),
        case("HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n", &[200], 1),
        case("HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n", &[200, 200], 2),
        case("HTTP/1.0 closes", format!("GET / HTTP/1.0\r\n\r\n{SMUGGLED}"), &[200], 1),
        case("close ends the connection", format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n{SMUGGLED}"), &[200], 1),
        case("three pipelined", "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3), &[200, 200, 200], 3),
        case("pipelined after a body", format!("{}{SMUGGLED}", post("content-length: 5\r\n", "hello")), &[200, 200], 2),
        case("pipelined after chunks", format!("{}{SMUGGLED}", chunked("5\r\nhello\r\n0\r\n\r\n")), &[200, 200], 2),
        case("chunk extension", chunked("5;a=b;c=\"d\"\r\nhello\r\n0\r\n\r\n"), &[200], 1),
        case("chunk size in both cases", chunked("00a\r\n0123456789\r\n0A\r\n0123456789\r\n0\r\n\r\n"), &[200], 1),
        case("trailers", chunked("5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n"), &[200], 1),
        case("chunked in any case", post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), &[200], 1),
        case("content-length 0", post("content-length: 0\r\n", ""), &[200], 1),
        case("content-length with zeros", post("content-length: 005\r\n", "hello"), &[200], 1),
        case("body on GET", format!("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello{SMUGGLED}"), &[200, 200], 2),
        case("absolute target", "GET http://A:80/x HTTP/1.1\r\nhost: a:80\r\n\r\n", &[200], 1),
        case("OPTIONS *", "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", &[200], 0),
        case("target of another alphabet", "GET /caf\u{e9} HTTP/1.1\r\nhost: a\r\n\r\n", &[200], 1),
        case("own method", "BREW /pot HTTP/1.1\r\nhost: a\r\n\r\n", &[200], 1),
        case("tab and blanks around a value", "GET / HTTP/1.1\r\nhost:\t a \t\r\n\r\n", &[200], 1),
        case("value that is not UTF-8", b"GET / HTTP/1.1\r\nhost: a\r\nx-name: caf\xe9\r\n\r\n".as_slice(), &[200], 1),
        case("empty value", "GET / HTTP/1.1\r\nhost: a\r\nx-empty:\r\n\r\n", &[200], 1),
        case(
            "upgrade is ignored",
            format!("GET / HTTP/1.1\r\nhost: a\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n{SMUGGLED}"),
            &[200, 200],
            2,
        ),
        case(
            "upgrade with a body",
            format!("{}{SMUGGLED}", post("upgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 5\r\n", "hello")),
            &[200, 200],
            2,
        ),
        case("HTTP/2 preface that is none", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", &[505], 0),
    ]
}

#[test]
fn two_framings_of_a_body_are_refused() {
    check(two_framings());
}

fn two_framings() -> Vec<Case> {
    vec![
        case("length, then chunked", post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\nhello"), &[400], 0),
        case("chunked, then length", post("transfer-encoding: chunked\r\ncontent-length: 5\r\n", "0\r\n\r\nhello"), &[400], 0),
        case("two lengths that differ", post("content-length: 5\r\ncontent-length: 6\r\n", "hello!"), &[400], 0),
        case("two lengths that agree", post("content-length: 5\r\ncontent-length: 5\r\n", "hello"), &[400], 0),
        case("list of lengths", post("content-length: 5, 5\r\n", "hello"), &[400], 0),
        case("signed length", post("content-length: +5\r\n", "hello"), &[400], 0),
        case("negative length", post("content-length: -5\r\n", "hello"), &[400], 0),
        case("hexadecimal length", post("content-length: 0x5\r\n", "hello"), &[400], 0),
        case("length with an underscore", post("content-length: 1_0\r\n", "hello"), &[400], 0),
        case("length with a blank", post("content-length: 1 0\r\n", "hello"), &[400], 0),
        case("length of 2^64", post("content-length: 18446744073709551616\r\n", ""), &[400], 0),
        case("length of 2^64-1", post("content-length: 18446744073709551615\r\n", ""), &[400], 0),
        case("empty length", post("content-length: \r\n", ""), &[400], 0),
        case("chunked, identity", post("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"), &[400], 0),
        case("identity", post("transfer-encoding: identity\r\n", ""), &[400], 0),
        case("gzip, chunked", post("transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n"), &[400], 0),
        case("xchunked", post("transfer-encoding: xchunked\r\n", "0\r\n\r\n"), &[400], 0),
        case("chunked;q=1", post("transfer-encoding: chunked;q=1\r\n", "0\r\n\r\n"), &[400], 0),
        case("quoted chunked", post("transfer-encoding: \"chunked\"\r\n", "0\r\n\r\n"), &[400], 0),
        case("vertical tab before chunked", post("transfer-encoding: \u{b}chunked\r\n", "0\r\n\r\n"), &[400], 0),
        case("two codings", post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"), &[400], 0),
        case("empty coding", post("transfer-encoding:\r\n", ""), &[400], 0),
        case("coding in HTTP/1.0", "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &[400], 0),
        case(
            "nothing after the refusal",
            format!("{}{SMUGGLED}", post("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n")),
            &[400],
            0,
        ),
        case("what came before is served", format!("{SMUGGLED}{}", post("content-length: x\r\n", "")), &[200, 400], 1),
    ]
}

#[test]
fn malformed_chunks_are_refused() {
    check(malformed_chunks());
}

fn malformed_chunks() -> Vec<Case> {
    vec![
        broken("0x5", "0x5\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("blank before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("signed size", "+5\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("underscore in a size", "0_5\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("empty size", "\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("size of 2^64", "10000000000000000\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("thousand zeros", &format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(1000)), &[400]),
        broken("bare LF after a size", "5\nhello\r\n0\r\n\r\n", &[400]),
        broken("bare CR after a size", "5\rhello\r\n0\r\n\r\n", &[400]),
        broken("LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("huge extension", &format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5000)), &[400]),
        broken("data longer than its size", "3\r\nhello\r\n0\r\n\r\n", &[400]),
        broken("bare LF after data", "5\r\nhello\n0\r\n\r\n", &[400]),
        broken("content-length in trailers", "0\r\ncontent-length: 5\r\n\r\n", &[400]),
        broken("transfer-encoding in trailers", "0\r\ntransfer-encoding: chunked\r\n\r\n", &[400]),
        broken("host in trailers", "0\r\nhost: b\r\n\r\n", &[400]),
        broken("cookie in trailers", "0\r\ncookie: a=b\r\n\r\n", &[400]),
        broken("field of the host in trailers", "0\r\nSpin-Client-Addr: 1.2.3.4:5\r\n\r\n", &[400]),
        broken("folded trailer", "0\r\nx-a: b\r\n c\r\n\r\n", &[400]),
        broken("bare LF in trailers", "0\r\nx-a: b\nx-c: d\r\n\r\n", &[400]),
        broken("oversize trailers", &format!("0\r\nx: {}\r\n\r\n", "x".repeat(9000)), &[431]),
    ]
}

#[test]
fn malformed_heads_are_refused() {
    check(malformed_heads());
}

fn malformed_heads() -> Vec<Case> {
    let get = |fields: &str| format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n{SMUGGLED}");
    vec![
        case("blank before a colon", get("x-a : b\r\n"), &[400], 0),
        case("length with a blank before its colon", get("content-length : 5\r\n"), &[400], 0),
        case("blank before the first field", "GET / HTTP/1.1\r\n host: a\r\n\r\n", &[400], 0),
        case("folded field", get("x-a: b\r\n c\r\n"), &[400], 0),
        case("field folded with a tab", get("x-a: b\r\n\tc\r\n"), &[400], 0),
        case("NUL in a value", get("x-a: b\0c\r\n"), &[400], 0),
        case("bare CR in a value", get("x-a: b\rc\r\n"), &[400], 0),
        case("bare CR before a line end", get("x-a: b\r\r\n"), &[400], 0),
        case("escape in a value", get("x-a: \u{1b}[31m\r\n"), &[400], 0),
        case("DEL in a value", get("x-a: \u{7f}\r\n"), &[400], 0),
        case("name that is not ASCII", get("x-\u{e9}: b\r\n"), &[400], 0),
        case("empty name", get(": b\r\n"), &[400], 0),
        case("no colon", get("x-a\r\n"), &[400], 0),
        case("NUL in a name", get("x\0a: b\r\n"), &[400], 0),
        case("bare LF", "GET / HTTP/1.1\nhost: a\n\n", &[400], 0),
        case("bare LF after a field", "GET / HTTP/1.1\r\nhost: a\nx-a: b\r\n\r\n", &[400], 0),
        case("bare LF at the end", format!("GET / HTTP/1.1\r\nhost: a\r\n\n{SMUGGLED}"), &[400], 0),
        case("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("HTTP/1.2", "GET / HTTP/1.2\r\nhost: a\r\n\r\n", &[505], 0),
        case("HTTP/1.32", "GET / HTTP/1.32\r\nhost: a\r\n\r\n", &[400], 0),
        case("HTTP/2.0", "GET / HTTP/2.0\r\nhost: a\r\n\r\n", &[505], 0),
        case("HTTP/0.9", "GET /\r\n\r\n", &[400], 0),
        case("lower-case version", "GET / http/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("two blanks", "GET  / HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("tab in the request line", "GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("blank in the target", "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("method that is no token", "G(T / HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("long method", format!("{} / HTTP/1.1\r\nhost: a\r\n\r\n", "G".repeat(33)), &[400], 0),
        case("endless method", "G".repeat(64 << 10), &[414], 0),
        case("TLS on a cleartext port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n".as_slice(), &[400], 0),
        case("control character in the target", "GET /a\u{1}b HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("NUL in the target", "GET /a\0b HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("target that is not UTF-8", b"GET /a\xff HTTP/1.1\r\nhost: a\r\n\r\n".as_slice(), &[400], 0),
        case("fragment", "GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("target without a slash", "GET a HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("asterisk for GET", "GET * HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("scheme of another protocol", "GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("CONNECT", format!("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n{SMUGGLED}"), &[501], 0),
        case("TRACE", format!("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n{SMUGGLED}"), &[501], 0),
        case(
            "unknown expectation beside a known one",
            post("expect: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n", "hello"),
            &[417],
            0,
        ),
        case("unknown expectation", post("expect: 200-ok\r\ncontent-length: 5\r\n", "hello"), &[417], 0),
    ]
}

#[test]
fn there_is_one_host_and_one_only() {
    check(hosts());
}

fn hosts() -> Vec<Case> {
    let with = |host: &str| format!("GET / HTTP/1.1\r\n{host}\r\n\r\n");
    vec![
        case("no host", with("x-a: b"), &[400], 0),
        case("two hosts", with("host: a\r\nhost: b"), &[400], 0),
        case("the same host twice", with("host: a\r\nHost: a"), &[400], 0),
        case("host with a blank", with("host: a b"), &[400], 0),
        case("empty host", with("host: "), &[400], 0),
        case("host list", with("host: a,b"), &[400], 0),
        case("host with a user", with("host: user@a"), &[400], 0),
        case("host with a path", with("host: a/b"), &[400], 0),
        case("junk after the port", with("host: a:80x"), &[400], 0),
        case("port out of range", with("host: a:65536"), &[400], 0),
        case("empty port", with("host: a:"), &[400], 0),
        case("unclosed bracket", with("host: [::1"), &[400], 0),
        case("host that is not ASCII", with("host: \u{e9}"), &[400], 0),
        case("host other than the target's", "GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n", &[400], 0),
        case("port other than the target's", "GET http://a:1/ HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("user in the target", "GET http://u@a/ HTTP/1.1\r\nhost: a\r\n\r\n", &[400], 0),
        case("no host beside the target", "GET http://a/ HTTP/1.1\r\n\r\n", &[400], 0),
        case("two hosts in HTTP/1.0", "GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", &[400], 0),
    ]
}
