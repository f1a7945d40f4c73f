//! Guests that other people's SDKs compiled run as they are and answer as their authors say.

use std::io::Write as _;
use std::net::TcpListener;

use crate::support::{App, Serving, ask};

/// Serves `fixture` with the component keys in `more`.
fn serve(fixture: &str, more: &str) -> Serving {
    App::of(fixture, more).up(&["--state-dir", ""])
}

#[test]
fn hello_in_every_language_and_generation() {
    for (fixture, expected) in [
        ("wasip2-hello", "hello"),
        ("wstd-hello", "hello"),
        ("spin5-hello", "hello"),
        ("spin6-hello", "Hello from Spin SDK 7 (WASI 0.3): GET"),
        ("spin7-hello", "hello"),
        ("wasmcloud-hello", "Hello from wasmCloud! "),
        ("js-hello", "Hello from JavaScript (StarlingMonkey): GET /some/path"),
        ("py-hello", "Hello from Python /some/path"),
    ] {
        let app = App::of(fixture, "");
        let serving = app.up(&["--state-dir", ""]);
        let answer = ask(&serving.address, "GET", "/some/path", &[], b"");
        assert_eq!(answer.status, 200, "{fixture}: {}", answer.text());
        assert!(answer.text().to_lowercase().contains(&expected.to_lowercase()), "{fixture}: {}", answer.text());
    }
}

#[test]
fn bodies_are_echoed_as_they_stream() {
    let body: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    for (fixture, path) in [("wstd-echo", "/"), ("js-hello", "/echo")] {
        let serving = serve(fixture, "");
        let answer = ask(&serving.address, "POST", path, &[("content-type", "application/x-test")], &body);
        assert_eq!(answer.status, 200, "{fixture}");
        assert_eq!(answer.header("content-type"), Some("application/x-test"), "{fixture}");
        assert!(answer.body == body, "{fixture}: {} of {} bytes came back", answer.body.len(), body.len());
    }
}

#[test]
fn key_value_guests_keep_what_they_are_given() {
    for fixture in ["spin5-kv", "spin7-kv"] {
        let serving = serve(fixture, "key_value_stores = [\"default\"]\n");
        let send = |method, path, body: &[u8]| {
            let answer = ask(&serving.address, method, path, &[], body);
            (answer.status, answer.text())
        };
        assert_eq!(send("GET", "/fruit", b"").0, 404, "{fixture}");
        assert_eq!(send("PUT", "/fruit", b"apple").0, 201, "{fixture}");
        assert_eq!(send("POST", "/animal", b"cat").0, 201, "{fixture}");
        assert_eq!(send("GET", "/fruit", b""), (200, "apple".to_owned()), "{fixture}");
        assert_eq!(send("GET", "/", b""), (200, "animal\nfruit".to_owned()), "{fixture}");
        assert_eq!(send("HEAD", "/fruit", b"").0, 200, "{fixture}");
        assert_eq!(send("DELETE", "/fruit", b"").0, 200, "{fixture}");
        assert_eq!(send("HEAD", "/fruit", b"").0, 404, "{fixture}");
    }
}

#[test]
fn a_database_outlives_its_server() {
    let app = App::of("spin5-sqlite", "sqlite_databases = [\"default\"]\n");
    let first = app.up(&[]);
    assert_eq!(first.get("/one"), (200, "columns=[\"id\", \"path\"]\n1 /one\n".to_owned()));
    assert!(first.stop().success());
    let second = app.up(&[]);
    assert_eq!(second.get("/two").1, "columns=[\"id\", \"path\"]\n1 /one\n2 /two\n");
}

#[test]
fn variables_come_from_the_manifest_the_environment_and_the_command_line() {
    let app = App::new();
    app.fixture("spin7-variables");
    let manifest = crate::support::manifest(
        "spin7-variables",
        "[component.spin7-variables.variables]\ngreeting = \"{{ greeting }} from spin\"\ntoken = \"{{ secret_token }}\"\n",
    );
    app.file(
        "spin.toml",
        &format!("{manifest}[variables]\ngreeting = {{ default = \"hi\" }}\nsecret_token = {{ required = true, secret = true }}\n"),
    );
    let refused = app.refusal(&["up", "--listen", "127.0.0.1:0"]);
    assert!(refused.contains("secret_token"), "{refused}");
    let mut command = app.coracle(&["up", "--listen", "127.0.0.1:0", "--variable", "secret_token=s3cr3t", "--state-dir", ""]);
    command.env("SPIN_VARIABLE_GREETING", "servus");
    let serving = Serving::start(command);
    assert_eq!(serving.get("/"), (200, "servus from spin".to_owned()));
    assert_eq!(serving.get("/token"), (200, "s3cr3t".to_owned()));
    assert_eq!(serving.get("/unknown").0, 404);
}

#[test]
fn a_wasmcloud_guest_counts_and_reads_its_configuration() {
    let more = "key_value_stores = [\"default\"]\n[component.wasmcloud-counter.variables]\ngreeting = \"hello\"\n";
    let serving = serve("wasmcloud-counter", more);
    assert_eq!(serving.get("/a").1, "Counter /a: Ok(1) keys=Ok([\"/a\"]) greeting=Ok(Some(\"hello\"))\n");
    assert_eq!(serving.get("/a").1, "Counter /a: Ok(2) keys=Ok([\"/a\"]) greeting=Ok(Some(\"hello\"))\n");
}

#[test]
fn outbound_guests_reach_what_they_were_granted_and_nothing_else() {
    let upstream = upstream();
    let url = format!("http://{upstream}/");
    for (fixture, path, header) in [
        ("spin5-outbound-http", "/".to_owned(), Some(url.clone())),
        ("spin7-outbound-http", "/".to_owned(), Some(url.clone())),
        ("wstd-outbound", format!("/?url={url}"), None),
    ] {
        let granted = serve(fixture, &format!("allowed_outbound_hosts = [\"http://{upstream}\"]\n"));
        let headers: Vec<_> = header.iter().map(|url| ("x-url", url.as_str())).collect();
        let answer = ask(&granted.address, "GET", &path, &headers, b"");
        assert_eq!((answer.status, answer.text().as_str()), (200, "from upstream"), "{fixture}");
        let denied = serve(fixture, "");
        assert_eq!(ask(&denied.address, "GET", &path, &headers, b"").status, 500, "{fixture} has no grant");
    }
}

/// A server that answers every connection with the same words.
fn upstream() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut head);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\nfrom upstream");
        }
    });
    address
}
