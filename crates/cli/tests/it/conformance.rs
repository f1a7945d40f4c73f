//! The cases of Spin's conformance suite, over a real connection. Response headers are compared whole: a
//! header that nobody asked for would fail.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use coracle_testkit::servers;

use crate::support::{App, Serving, ask};

/// An app of one conformance guest, with the component keys in `more`.
fn serve(guest: &str, route: &str, more: &str) -> Serving {
    let app = App::new();
    std::fs::copy(coracle_testkit::built_path(guest), app.path("guest.wasm")).unwrap();
    app.file(
        "spin.toml",
        &format!(
            "spin_manifest_version = 2\n[application]\nname = \"conformance\"\n[[trigger.http]]\nroute = \"{route}\"\ncomponent = \"guest\"\n\
             [component.guest]\nsource = \"guest.wasm\"\n{more}"
        ),
    );
    app.up(&["--state-dir", ""])
}

#[track_caller]
fn check(serving: &Serving, path: &str, headers: &[(&str, &str)], status: u16, body: &str) {
    let answer = ask(&serving.address, "GET", path, headers, b"");
    assert_eq!((answer.status, answer.text().as_str()), (status, body));
    let mut names: Vec<_> =
        answer.headers.iter().map(|(name, _)| name.as_str()).filter(|name| !["date", "connection"].contains(name)).collect();
    names.sort_unstable();
    assert!(names == ["content-length"] || names == ["transfer-encoding"], "{names:?}");
    if body.is_empty() {
        assert_eq!(answer.header("content-length"), Some("0"));
    }
}

#[test]
fn key_value() {
    let serving = serve("key-value", "/", "key_value_stores = [\"default\"]\n");
    check(&serving, "/", &[], 200, "");
}

#[test]
fn key_value_no_permission() {
    check(&serve("key-value", "/", ""), "/", &[], 500, "Error::AccessDenied");
}

#[test]
fn sqlite() {
    let serving = serve("sqlite", "/", "sqlite_databases = [\"default\"]\n");
    check(&serving, "/", &[], 200, "");
}

#[test]
fn sqlite_no_permission() {
    check(&serve("sqlite", "/", ""), "/", &[], 500, "Error::AccessDenied");
}

#[test]
fn postgres() {
    let server = servers::postgres::shared().unwrap();
    let port = server.place().port;
    let serving = serve("postgres", "/", &format!("allowed_outbound_hosts = [\"*://localhost:{port}\"]\n"));
    let address = format!("host=localhost port={port} user=postgres password=postgres dbname=postgres");
    check(&serving, "/", &[("address", &address)], 200, "");
}

#[test]
fn postgres_no_permission() {
    let denied = "Error::ConnectionFailed(\"address postgres://me@localhost:5432/x is not permitted\")";
    check(&serve("postgres", "/", ""), "/", &[("address", "postgres://me@localhost:5432/x")], 500, denied);
}

#[test]
fn variables() {
    let serving = serve("variables", "/", "[component.guest.variables]\nvariable = \"value\"\n");
    check(&serving, "/", &[], 200, "");
}

#[test]
fn request_shape() {
    let serving = serve("request-shape", "/base/:path_segment/:path_end/...", "");
    check(&serving, "/base/path/end/rest?key=value", &[("host", "example.com")], 200, "");
    let spoofed = [("host", "example.com"), ("spin-client-addr", "6.6.6.6:6"), ("spin-path-info", "/evil"), ("spin-other", "x")];
    check(&serving, "/base/path/end/rest?key=value", &spoofed, 200, "");
}

#[test]
fn outbound_wasi_http() {
    let echo = echo(|stream| {
        let mut head = [0; 4096];
        let _ = stream.read(&mut head);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, world!");
    });
    let serving = serve("outbound-http", "/", &format!("allowed_outbound_hosts = [\"http://{echo}\"]\n"));
    check(&serving, "/", &[("url", &format!("http://{echo}/"))], 200, "Hello, world!");
}

#[test]
fn outbound_wasi_http_no_permission() {
    let serving = serve("outbound-http", "/", "");
    check(&serving, "/", &[("url", "http://127.0.0.1:80/")], 500, "incoming-response#get: ErrorCode::HttpRequestDenied");
}

#[test]
fn tcp_sockets() {
    let echo = echo_bytes();
    let address = [("address", echo.to_string())];
    let headers: Vec<_> = address.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let port = echo.port();
    for allowed in [format!("*://127.0.0.1:{port}"), format!("*://127.0.0.0/24:{port}")] {
        let serving = serve("tcp-sockets", "/", &format!("allowed_outbound_hosts = [\"{allowed}\"]\n"));
        check(&serving, "/", &headers, 200, "");
    }
    let templated = format!(
        "allowed_outbound_hosts = [\"*://{{{{ addr_prefix }}}}/{{{{ prefix_len }}}}:{port}\"]\n[variables]\n\
         addr_prefix = {{ default = \"127.0.0.0\" }}\nprefix_len = {{ default = \"24\" }}\n"
    );
    check(&serve("tcp-sockets", "/", &templated), "/", &headers, 200, "");
}

#[test]
fn tcp_sockets_no_permission() {
    let echo = echo_bytes().to_string();
    for allowed in ["*://127.0.0.2:6001", "*://127.0.0.1:6002"] {
        let serving = serve("tcp-sockets", "/", &format!("allowed_outbound_hosts = [\"{allowed}\"]\n"));
        check(&serving, "/", &[("address", &echo)], 500, "access-denied (error 1)");
    }
}

#[test]
fn outbound_redis() {
    let server = servers::redis::start().unwrap();
    let address = format!("redis://{}", server.place().address());
    let headers = [("redis-address", address.as_str())];
    let serving = serve("redis", "/", &format!("allowed_outbound_hosts = [\"{address}\"]\n"));
    for _ in 0..2 {
        check(&serving, "/", &headers, 200, "");
    }
    let port = server.place().port;
    let templated = format!(
        "allowed_outbound_hosts = [\"redis://{{{{ redis_host }}}}:{port}\"]\n[variables]\nredis_host = {{ default = \"127.0.0.1\" }}\n"
    );
    check(&serve("redis", "/", &templated), "/", &headers, 200, "");
}

#[test]
fn outbound_redis_no_permission() {
    let headers = [("redis-address", "redis://localhost:6379")];
    for allowed in ["", "allowed_outbound_hosts = [\"redis://localhost:6380\", \"http://localhost:6379\"]\n"] {
        check(&serve("redis", "/", allowed), "/", &headers, 500, "Error::InvalidAddress");
    }
}

#[test]
fn outbound_mqtt() {
    let server = servers::mosquitto::start().unwrap();
    let address = format!("mqtt://{}?client_id=spintest", server.place().address());
    let headers = [("mqtt-address", address.as_str()), ("mqtt-username", "user"), ("mqtt-password", "password")];
    let serving = serve("mqtt", "/", &format!("allowed_outbound_hosts = [\"mqtt://{}\"]\n", server.place().address()));
    for _ in 0..2 {
        check(&serving, "/", &headers, 200, "");
    }
}

#[test]
fn outbound_mqtt_no_permission() {
    let address = "mqtt://localhost:1883?client_id=spintest";
    let headers = [("mqtt-address", address), ("mqtt-username", "user"), ("mqtt-password", "password")];
    let refusal = format!("Error::ConnectionFailed(\"address {address} is not permitted\")");
    for allowed in ["", "allowed_outbound_hosts = [\"mqtt://localhost:1884\", \"redis://localhost:1883\"]\n"] {
        check(&serve("mqtt", "/", allowed), "/", &headers, 500, &refusal);
    }
}

/// Gives back what it is sent.
fn echo_bytes() -> SocketAddr {
    echo(|stream| {
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            let _ = stream.write_all(&bytes[..count]);
        }
    })
}

fn echo(serve: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| serve(&mut stream.unwrap())));
    address
}
