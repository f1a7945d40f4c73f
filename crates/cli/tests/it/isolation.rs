//! What the program keeps to itself: values of variables are in nothing that it prints, writes or sends, and its own environment
//! decides nothing about where guests' requests go.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{App, Serving, ask, get, manifest};

/// Every value has a name of its own, so that a failure tells where it came from.
const CANARIES: &[&str] = &["c4n4ry-flag", "c4n4ry-file", "c4n4ry-environment", "c4n4ry-dotenv", "c4n4ry-provider", "c4n4ry-default"];

/// A server that remembers every byte that it was sent.
struct Listener {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Listener {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, log) = (stream.unwrap(), Arc::clone(&log));
                std::thread::spawn(move || listen(stream, answer, &log));
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

/// Answers each request of a connection.
fn listen(mut stream: TcpStream, answer: &str, heard: &Mutex<Vec<u8>>) {
    let (mut request, mut bytes) = (Vec::new(), [0; 64 << 10]);
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        heard.lock().unwrap().extend_from_slice(&bytes[..count]);
        request.extend_from_slice(&bytes[..count]);
        if is_whole(&request) {
            request.clear();
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let end = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    request.len() >= end + 4 + length.unwrap_or(0)
}

/// The text of every file below `folder`, apart from those that the test itself put there.
fn files(folder: &Path, own: &[&str]) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &files(&path, own);
        } else if !own.contains(&path.file_name().unwrap().to_str().unwrap()) {
            text += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    text
}

#[track_caller]
fn shows_none(what: &str, text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} is in {what}: {text}");
    }
}

/// An app whose guest has a variable from every place that values come from.
fn secretive() -> App {
    let app = App::new();
    app.fixture("spin7-variables");
    let names = ["flag", "file", "environment", "dotenv", "provider", "default"];
    let templates: String = names.map(|name| format!("{name} = \"{{{{ by_{name} }}}}\"\n")).concat();
    let declared: String = names[..5].iter().map(|name| format!("by_{name} = {{ required = true, secret = true }}\n")).collect();
    let more = format!(
        "allowed_outbound_hosts = [\"https://{{{{ by_flag }}}}.dev\"]\n[component.spin7-variables.variables]\n{templates}\
         [variables]\n{declared}by_default = {{ default = \"c4n4ry-default\", secret = true }}\n"
    );
    app.file("spin.toml", &manifest("spin7-variables", &more));
    app.file("runtime.toml", "[[variables_provider]]\ntype = \"static\"\nvalues = { by_provider = \"c4n4ry-provider\" }\n");
    app.file("values.json", "{ \"by_file\": \"c4n4ry-file\" }");
    app.file(".env", "SPIN_VARIABLE_BY_DOTENV=c4n4ry-dotenv\n");
    app
}

#[test]
fn values_of_variables_are_in_no_log_file_trace_or_message() {
    let collector = Listener::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let app = secretive();
    let given = ["--runtime-config-file", "runtime.toml", "--variable", "by_flag=c4n4ry-flag", "--variable", "@values.json"];
    let with_environment = |arguments: &[&str]| {
        let mut command = app.coracle(&[arguments, &given].concat());
        command.env("SPIN_VARIABLE_BY_ENVIRONMENT", "c4n4ry-environment").env("RUST_LOG", "trace");
        command
    };
    let mut command = with_environment(&["up", "--listen", "127.0.0.1:0", "--admin-listen", &admin, "--log-dir", "logs"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address)).env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let serving = Serving::start(command);
    for canary in CANARIES {
        let path = format!("/{}", canary.strip_prefix("c4n4ry-").unwrap());
        assert_eq!(serving.get(&path), (200, (*canary).to_owned()));
    }
    assert_eq!(serving.get("/by_flag").0, 404);
    let metrics = get(&admin, "/metrics").1;
    assert!(metrics.contains("coracle_http_requests"), "{metrics}");
    shows_none("the metrics", &metrics);
    let printed = serving.end();
    assert!(printed.contains("TRACE"), "nothing is left out of the log: {printed}");
    shows_none("the output", &printed);
    let sent = collector.heard();
    assert!(sent.contains("spin_variables.get"), "the lookups themselves are traced");
    shows_none("what the collector was sent", &sent);
    shows_none("a file", &files(&app.path(""), &["runtime.toml", "values.json", ".env", "spin.toml"]));
}

#[test]
fn proxies_of_the_environment_get_nothing_from_guests() {
    let proxy = Listener::start("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy");
    let upstream = Listener::start("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nupstream");
    let url = format!("http://{}/", upstream.address);
    for fixture in ["spin5-outbound-http", "spin7-outbound-http"] {
        let app = App::of(fixture, &format!("allowed_outbound_hosts = [\"http://{}\"]\n", upstream.address));
        let mut command = app.coracle(&["up", "--listen", "127.0.0.1:0", "--state-dir", ""]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, format!("http://{}", proxy.address));
        }
        let serving = Serving::start(command);
        let answer = ask(&serving.address, "GET", "/", &[("x-url", &url)], b"");
        assert_eq!((answer.status, answer.text().as_str()), (200, "upstream"), "{fixture}");
    }
    assert_eq!(proxy.heard(), "");
}
