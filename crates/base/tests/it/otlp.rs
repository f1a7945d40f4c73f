//! Traces, metrics and logs reach a collector over each protocol, and one that is not there delays nobody for long.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use coracle_base::clock;
use coracle_base::metrics::{Description, Invocations, Registry, Unit};
use coracle_base::telemetry::{self, LogFormat, Options, TraceContext};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;

use crate::collector::Collector;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn options(environment: &[(&str, &str)]) -> Options {
    Options {
        format: LogFormat::Text,
        color: false,
        quiet: false,
        service_name: "the-service".to_owned(),
        service_version: "1.2.3".to_owned(),
        environment: [("RUST_LOG", "off")]
            .iter()
            .chain(environment)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

/// Everything goes to one collector.
fn to(collector: SocketAddr, protocol: &str) -> Options {
    options(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{collector}")), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)])
}

/// Does what leaves a trace, metrics and a log line, and waits until everything is sent. Returns the context that a request to
/// somebody else would carry.
fn work(options: &Options) -> Option<TraceContext> {
    let registry = Registry::default();
    let (dispatch, guard) = telemetry::dispatch(options, &registry).unwrap();
    let invocations = Invocations::new(&registry, "http", "shop");
    let later = Description { name: "later", help: "Made after the start.", unit: Unit::One, labels: &[] };
    registry.gauge(later).with(&[]).set(-4);
    let mut context = None;
    tracing::dispatcher::with_default(&dispatch, || {
        let span = tracing::info_span!(target: "coracle_test", "GET /", component = "web");
        TraceContext::extract(|name| (name == telemetry::TRACEPARENT).then_some(PARENT)).unwrap().adopt(&span);
        let _entered = span.enter();
        context = TraceContext::of(&span);
        tracing::info!(target: "coracle_test", component = "web", number = 7, "hello");
        tracing::info!(target: "somebody_else", "not ours");
        let web = invocations.of("web");
        web.begun();
        web.ended(Duration::from_millis(3), 1 << 20, Some(1 << 16));
    });
    drop(guard);
    context
}

fn decode<M: Message + Default>(collector: &Collector, paths: &[&str]) -> Vec<M> {
    paths.iter().flat_map(|path| collector.messages(path)).map(|message| M::decode(message).unwrap()).collect()
}

fn check(protocol: &str) {
    let collector = Collector::start();
    let carried = work(&to(collector.address, protocol)).expect("a span has a place in a trace");

    let traces: Vec<ExportTraceServiceRequest> =
        decode(&collector, &["/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"]);
    let spans: Vec<_> = traces.iter().flat_map(|it| &it.resource_spans).flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans).collect();
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(spans[0].name, "GET /");
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hexadecimal(&spans[0].trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hexadecimal(&spans[0].parent_span_id), "b7ad6b7169203331");
    let expected = format!("00-{}-{}-01", hexadecimal(&spans[0].trace_id), hexadecimal(&spans[0].span_id));
    assert_eq!(carried.to_string(), expected);
    let resource = format!("{:?}", traces[0].resource_spans[0].resource);
    assert!(resource.contains("the-service") && resource.contains("1.2.3"), "{resource}");

    let metrics: Vec<ExportMetricsServiceRequest> =
        decode(&collector, &["/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"]);
    let scopes = metrics.iter().flat_map(|it| &it.resource_metrics).flat_map(|it| &it.scope_metrics);
    let metrics: BTreeMap<&str, &Data> =
        scopes.flat_map(|it| &it.metrics).map(|metric| (metric.name.as_str(), metric.data.as_ref().unwrap())).collect();
    let count = format!("{:?}", metrics["spin.request_count"]);
    assert!(count.contains("AsInt(1)") && count.contains("component_id") && count.contains("shop"), "{count}");
    assert!(format!("{:?}", metrics["later"]).contains("AsInt(-4)"));
    let Data::Histogram(memory) = metrics["spin.component_memory_used"] else { panic!("{metrics:?}") };
    assert_eq!((memory.data_points[0].count, memory.data_points[0].sum), (1, Some(f64::from(1 << 20))));

    let logs: Vec<ExportLogsServiceRequest> =
        decode(&collector, &["/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"]);
    let records: Vec<_> =
        logs.iter().flat_map(|it| &it.resource_logs).flat_map(|it| &it.scope_logs).flat_map(|it| &it.log_records).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    let record = format!("{:?}", records[0]);
    assert!(record.contains("hello") && record.contains("component") && record.contains("IntValue(7)"), "{record}");
    assert_eq!(records[0].severity_text, "INFO");
    assert_eq!(records[0].trace_id, spans[0].trace_id, "a line belongs to the trace in which it was written");
}

#[test]
fn everything_is_exported_over_http() {
    check("http/protobuf");
}

#[test]
fn everything_is_exported_over_grpc() {
    check("grpc");
}

#[test]
fn nothing_is_exported_unless_a_collector_is_named() {
    let collector = Collector::start();
    let address = format!("http://{}", collector.address);
    let disabled = options(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), ("OTEL_SDK_DISABLED", "true")]);
    assert_eq!(work(&disabled), None);
    let traces_only = options(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{address}/mine"))]);
    assert!(work(&traces_only).is_some());
    assert_eq!(collector.messages("/mine").len(), 1);
    assert!(collector.messages("/v1/metrics").is_empty() && collector.messages("/v1/logs").is_empty());
}

#[test]
fn a_collector_that_does_not_answer_holds_the_end_up_for_a_bounded_time() {
    // It accepts connections, by the backlog, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let began = clock::now();
    work(&to(silent.local_addr().unwrap(), "http/protobuf"));
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}
