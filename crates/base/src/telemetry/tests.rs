//! What lines look like and which are written, and what of the environment is refused.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn options(environment: &[(&str, &str)]) -> Options {
    Options {
        format: LogFormat::Text,
        color: false,
        quiet: false,
        service_name: "test".to_owned(),
        service_version: "0".to_owned(),
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

/// What is written of one event of each kind.
fn text_of_events(options: &Options) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let registry = metrics::Registry::default();
    let (dispatch, _guard) = build(options, &registry, BoxMakeWriter::new(move || writer.clone())).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        let span = tracing::info_span!(target: "coracle_host", "request", component = "web");
        let _entered = span.enter();
        tracing::info!(target: "coracle::guest", component = "web", "from the guest");
        tracing::error!(target: COMPONENT_OUTPUT, component = "web", "shown by other means");
        tracing::debug!(target: "coracle_host", "too small");
        tracing::warn!(target: "coracle_host", number = 7, "careful");
        tracing::info!(target: "hyper", "of a library");
    });
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

fn refusal(environment: &[(&str, &str)]) -> String {
    match dispatch(&options(environment), &metrics::Registry::default()) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn text_lines_carry_time_level_and_component() {
    let text = text_of_events(&options(&[]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("20") && lines[0].contains("Z  INFO coracle::guest: from the guest component=\"web\""), "{text}");
    assert!(lines[1].contains("WARN") && lines[1].contains("careful number=7"), "{text}");
}

#[test]
fn json_lines_are_objects_with_flat_fields() {
    let text = text_of_events(&Options { format: LogFormat::Json, ..options(&[]) });
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["level"], &line["message"], &line["component"]), (&"INFO".into(), &"from the guest".into(), &"web".into()));
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{text}");
}

#[test]
fn quiet_and_the_filter_choose_what_is_written() {
    let quiet = text_of_events(&Options { quiet: true, ..options(&[]) });
    assert!(quiet.contains("careful") && !quiet.contains("guest"), "{quiet}");
    let all = text_of_events(&Options { quiet: true, ..options(&[("RUST_LOG", "debug")]) });
    assert_eq!(all.lines().count(), 4, "{all}");
}

#[test]
fn colours_are_only_written_where_asked_for() {
    assert!(!text_of_events(&options(&[])).contains('\u{1b}'));
    assert!(text_of_events(&Options { color: true, ..options(&[]) }).contains('\u{1b}'));
}

#[test]
fn what_the_environment_gets_wrong_is_named() {
    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for (environment, expected) in [
        (vec![("RUST_LOG", "coracle=loud")], "RUST_LOG is not a log filter"),
        (vec![ENDPOINT, ("SPIN_OTEL_TRACING_LEVEL", "a=b=c")], "SPIN_OTEL_TRACING_LEVEL is not a log filter"),
        (vec![ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL asks for the protocol `http/json`"),
        (vec![ENDPOINT, ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "udp")], "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL asks for"),
        (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT is not the address"),
        (vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://x")], "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not the address"),
    ] {
        let error = refusal(&environment);
        assert!(error.contains(expected), "{environment:?}: {error}");
    }
}

#[test]
fn each_signal_finds_its_collector() {
    use super::collector::{Collector, LOGS, METRICS, Protocol, TRACES};
    let options = options(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/base/"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/own"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
    ]);
    let endpoint = |signal| Collector::of(signal, &options).unwrap().map(|it| (it.endpoint, it.protocol, it.timeout.as_millis()));
    assert_eq!(endpoint(TRACES), Some(("https://traces/own".to_owned(), Protocol::Http, 250)));
    assert_eq!(endpoint(METRICS), Some(("http://all:4318/base/".to_owned(), Protocol::Grpc, 250)));
    assert_eq!(endpoint(LOGS), Some(("http://all:4318/base/v1/logs".to_owned(), Protocol::Http, 250)));

    let off = |value: &str| Options {
        environment: [("OTEL_SDK_DISABLED".to_owned(), value.to_owned())].into_iter().chain(options.environment.clone()).collect(),
        ..options.clone()
    };
    assert_eq!(Collector::of(TRACES, &off("true")).unwrap(), None);
    assert!(Collector::of(TRACES, &off("false")).unwrap().is_some());
}

/// What nobody writes must not be made: libraries ask for the greatest level before they make a record.
#[test]
fn records_of_lower_levels_are_not_even_made() {
    let level_max = |environment| Filter::<Registry>::max_level_hint(&written(&options(environment)).unwrap());
    assert_eq!(level_max(&[]), Some(LevelFilter::INFO));
    assert_eq!(level_max(&[("RUST_LOG", "warn")]), Some(LevelFilter::WARN));
    assert_eq!(level_max(&[("RUST_LOG", "warn,wasmtime=trace")]), Some(LevelFilter::TRACE));
}
