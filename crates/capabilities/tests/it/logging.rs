//! `wasi:logging` with and without a version, and a guest of wasmCloud's SDK.

use std::io::Write;
use std::sync::{Arc, Mutex};

use coracle_engine::Limits;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use wasmtime::component::Val;

use crate::guest::Given;
use crate::shim::{Function, Shim};

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn listen(&self, filter: &str) -> tracing::subscriber::DefaultGuard {
        let subscriber =
            tracing_subscriber::fmt().with_span_events(FmtSpan::NEW).with_max_level(tracing::Level::TRACE).with_ansi(false).without_time();
        let filter = tracing_subscriber::EnvFilter::new(filter);
        tracing::subscriber::set_default(subscriber.with_env_filter(filter).with_writer(self.clone()).finish())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

const LEVELS: &str = r#"(enum "trace" "debug" "info" "warn" "error" "critical")"#;
const LOG: Function = Function {
    name: "log",
    signature: r#"(param "level" $error) (param "context" string) (param "message" string)"#,
    flat_params: 5,
    has_result: false,
};

fn line(level: &str, message: &str) -> [Val; 3] {
    [Val::Enum(level.to_owned()), Val::String("ctx".to_owned()), Val::String(message.to_owned())]
}

#[tokio::test]
async fn every_level_reaches_the_log_under_the_components_name() {
    for interface in ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"] {
        let lines = Lines::default();
        let _listening = lines.listen("coracle::guest=trace");
        let shim = Shim::new(Given::default(), interface, ("level", LEVELS), &[LOG]);
        for level in ["trace", "debug", "info", "warn", "error", "critical"] {
            shim.call(&[("log", &line(level, &format!("at {level}\nforged")))]).await;
        }
        let text = lines.text();
        for (number, level) in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "ERROR"].iter().enumerate() {
            let met = text.lines().nth(number).unwrap();
            assert!(met.trim_start().starts_with(level), "{interface}: {met}");
            assert!(met.contains("component=shim") && met.contains("context=ctx") && met.contains(r"\nforged"), "{interface}: {met}");
        }
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(text.lines().last().unwrap().contains("critical=true"), "{text}");
    }
}

#[tokio::test]
async fn lines_and_their_sum_are_bounded() {
    let lines = Lines::default();
    let _listening = lines.listen("coracle::guest=trace");
    let given = Given { limits: Limits { log_bytes: 20_000, ..Limits::default() }, ..Given::default() };
    let shim = Shim::new(given, "wasi:logging/logging@0.1.0-draft", ("level", LEVELS), &[LOG]);
    let long = line("info", &"x".repeat(9_000));
    shim.call(&[("log", &long), ("log", &long), ("log", &long), ("log", &long)]).await;
    let text = lines.text();
    let met: Vec<&str> = text.lines().collect();
    assert_eq!(met.len(), 3, "two lines and the notice: {text}");
    assert!(met[0].contains("… (cut)") && met[0].len() < 8_400, "{}", met[0].len());
    assert!(met[2].contains("log limit reached"), "{}", met[2]);
}

#[tokio::test]
async fn a_guest_of_wasmcloud_logs() {
    let lines = Lines::default();
    let _listening = lines.listen("coracle::guest=trace");
    let (status, body) = Given::default().serve("wasmcloud-hello").get("/there").await;
    assert_eq!(status, 200, "{body}");
    let text = lines.text();
    assert!(text.contains("component=wasmcloud-hello") && text.contains("handling"), "{text}");
}
