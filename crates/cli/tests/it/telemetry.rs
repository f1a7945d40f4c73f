//! What `coracle up` tells a collector of OpenTelemetry.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::support::{App, Serving};

/// A collector that takes everything: its address, and what came, by path.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || take(stream, &sender));
        }
    });
    (address, received)
}

/// Answers every request of one connection.
fn take(stream: TcpStream, sender: &Sender<(String, Vec<u8>)>) -> Option<()> {
    let mut writing = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let path = head.split(' ').nth(1)?.to_owned();
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())?;
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        let _ = sender.send((path, body));
        writing.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

/// All that came under `path`; names and texts stand in it as they are.
fn told(received: &[(String, Vec<u8>)], path: &str) -> String {
    let bodies = received.iter().filter(|(known, _)| known == path).map(|(_, body)| String::from_utf8_lossy(body));
    bodies.collect()
}

fn served(variables: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let (address, received) = collector();
    let app = App::of(
        "spin5-kv",
        "key_value_stores = [\"default\"]\n[[trigger.http]]\nroute = \"/hello\"\ncomponent = \"spin5-hello\"\n[component.spin5-hello]\nsource = \"spin5-hello.wasm\"\n",
    );
    app.fixture("spin5-hello");
    let mut command = app.coracle(&["up", "--listen", "127.0.0.1:0", "--state-dir", ""]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &address).envs(variables.iter().copied());
    let serving = Serving::start(command);
    assert_eq!(serving.get("/key").0, 404);
    assert_eq!(serving.get("/hello").0, 200);
    assert!(serving.stop().success());
    std::iter::from_fn(|| received.try_recv().ok()).collect()
}

#[test]
fn spans_metrics_and_logs_have_the_names_of_spin() {
    let received = served(&[]);
    let traces = told(&received, "/v1/traces");
    for name in ["GET /...", "execute_wasm_component spin5-kv", "spin_key_value.open", "spin_key_value.get", "http.response.status_code"] {
        assert!(traces.contains(name), "{name}: {traces}");
    }
    let metrics = told(&received, "/v1/metrics");
    for name in ["spin.request_count", "spin.component_cpu_time", "spin.component_memory_used_on_init", "spin.component_memory_used"] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let logs = told(&received, "/v1/logs");
    assert!(logs.contains("coracle::access") && logs.contains("full-url="), "what the guest printed is told too: {logs}");
}

#[test]
fn what_components_print_can_be_left_out() {
    let logs = told(&served(&[("SPIN_DISABLE_LOG_TO_TRACING", "1")]), "/v1/logs");
    assert!(logs.contains("coracle::access") && !logs.contains("full-url="), "{logs}");
}

#[test]
fn an_exporter_that_cannot_be_made_is_refused_by_the_name_of_its_variable() {
    let app = App::of("spin5-hello", "");
    let mut command = app.coracle(&["up", "--listen", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.starts_with("error: OTEL_EXPORTER_OTLP_PROTOCOL asks for the protocol `http/json`"), "{text}");
}
