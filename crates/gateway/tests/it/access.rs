//! The access log and the metrics.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use coracle_base::metrics::{HttpServer, Registry};
use coracle_engine::Identity;
use coracle_triggers::http::{Body, Served};
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Options, Site, wait_for};

/// What the whole process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The lines of the access log that contain `mark`.
fn lines(mark: &str) -> Vec<String> {
    let text = log().0.lock().unwrap().clone();
    String::from_utf8(text)
        .unwrap()
        .lines()
        .filter(|line| line.contains("coracle::access") && line.contains(mark))
        .map(str::to_owned)
        .collect()
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).with_max_level(tracing::Level::INFO).init();
        log
    })
}

#[test]
fn each_request_is_one_line() {
    log();
    let site = Site::answering(Options::default(), |_| async {
        let by = Served(Arc::new(Identity { app: "shop".to_owned(), component: "greeter".to_owned() }));
        let mut body = Body::full("hello");
        body.set_served(by);
        http::Response::builder().status(201).body(body).unwrap()
    });
    site.exchange("GET /access?x=%22 HTTP/1.1\r\nhost: a\r\n\r\n");
    wait_for("the line", || lines("/access").len() == 1);
    let line = lines("/access").remove(0);
    for part in [
        "client=127.0.0.1:",
        "method=GET",
        "path=/access?x=%22",
        "status=201",
        "bytes=5",
        "duration_us=",
        "app=\"shop\"",
        "component=\"greeter\"",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[test]
fn a_refused_head_is_a_line_without_what_it_said() {
    log();
    let site = Site::echo();
    let before = lines("method=- path=- status=505").len();
    site.exchange("GET /secret HTTP/7.7\r\nhost: a\r\n\r\n");
    wait_for("the line", || lines("method=- path=- status=505").len() > before);
    assert_eq!(lines("/secret").len(), 0);
}

#[test]
fn metrics_follow_requests_and_connections() {
    let registry = Registry::default();
    let metrics = Arc::new(HttpServer::new(&registry));
    let site = Site::start(Options { metrics: Some(Arc::clone(&metrics)), ..Options::default() }, None);
    site.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\nBREW / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    wait_for("the end", || site.server.traffic().connections_open == 0);
    let text = registry.render();
    for (method, status) in [("GET", 200), ("_OTHER", 200), ("GET", 400)] {
        let series = format!("{{http_request_method=\"{method}\",http_response_status_code=\"{status}\"}} 1");
        assert!(text.lines().any(|line| line.contains("duration_seconds_count") && line.ends_with(&series)), "{series} is not in {text}");
    }
    for gauge in ["active_requests 0", "open_connections 0"] {
        assert!(text.contains(gauge), "{gauge} is not in {text}");
    }
}
