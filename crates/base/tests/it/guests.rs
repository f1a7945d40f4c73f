//! What guests tell reaches a collector over each protocol, with the host's resource where it has none of its own.

use std::collections::BTreeMap;

use coracle_base::metrics::Registry;
use coracle_base::telemetry::guest::proto::collector::logs::v1::ExportLogsServiceRequest;
use coracle_base::telemetry::guest::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use coracle_base::telemetry::guest::proto::collector::trace::v1::ExportTraceServiceRequest;
use coracle_base::telemetry::guest::proto::logs::v1::ResourceLogs;
use coracle_base::telemetry::guest::proto::metrics::v1::ResourceMetrics;
use coracle_base::telemetry::guest::proto::resource::v1::Resource;
use coracle_base::telemetry::guest::proto::trace::v1::{ScopeSpans, Span};
use coracle_base::telemetry::guest::{self, Kind, Told, Untold};
use coracle_base::telemetry::{self, LogFormat, Options};
use prost::Message;

use crate::collector::Collector;

fn options(environment: &[(&str, &str)]) -> Options {
    let environment: BTreeMap<_, _> = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (service_name, service_version) = ("host".to_owned(), "1".to_owned());
    Options { format: LogFormat::Text, color: false, quiet: true, service_name, service_version, environment }
}

fn span(name: &str) -> Told {
    let span = Span { name: name.to_owned(), trace_id: vec![1; 16], span_id: vec![2; 8], ..Span::default() };
    Told::Span(ScopeSpans { spans: vec![span], ..ScopeSpans::default() })
}

fn decoded<M: Message + Default>(collector: &Collector, http: &str, grpc: &str) -> Vec<M> {
    [http, grpc].iter().flat_map(|path| collector.messages(path)).map(|message| M::decode(message).unwrap()).collect()
}

#[test]
fn each_kind_reaches_the_collector() {
    for protocol in ["http/protobuf", "grpc"] {
        let collector = Collector::start();
        let endpoint = format!("http://{}", collector.address);
        let options = options(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)]);
        let (dispatch, guard) = telemetry::dispatch(&options, &Registry::default()).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            assert!([Kind::Spans, Kind::Metrics, Kind::Logs].into_iter().all(guest::is_told));
            (0..1_000).for_each(|number| guest::tell(span(&number.to_string())).unwrap());
            guest::tell(Told::Metrics(ResourceMetrics { schema_url: "metrics".to_owned(), ..ResourceMetrics::default() })).unwrap();
            let own = Resource { dropped_attributes_count: 7, ..Resource::default() };
            guest::tell(Told::Log(ResourceLogs { resource: Some(own), ..ResourceLogs::default() })).unwrap();
        });
        drop(guard);
        let traces: Vec<ExportTraceServiceRequest> =
            decoded(&collector, "/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        let all: Vec<_> = traces.iter().flat_map(|it| &it.resource_spans).collect();
        let names = all.iter().flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans).map(|span| span.name.clone());
        assert_eq!(names.collect::<Vec<_>>(), (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>(), "{protocol}");
        assert!(all.iter().all(|it| format!("{:?}", it.resource).contains("\"host\"")), "{protocol}");
        let metrics: Vec<ExportMetricsServiceRequest> =
            decoded(&collector, "/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
        assert!(metrics.iter().flat_map(|it| &it.resource_metrics).any(|it| it.schema_url == "metrics" && it.resource.is_some()));
        let logs: Vec<ExportLogsServiceRequest> =
            decoded(&collector, "/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
        let mut resources = logs.iter().flat_map(|it| &it.resource_logs).filter_map(|it| it.resource.as_ref());
        assert!(resources.any(|resource| resource.dropped_attributes_count == 7), "{protocol}");
    }
}

#[test]
fn only_kinds_with_a_collector_are_told() {
    assert_eq!(guest::tell(span("a")), Err(Untold::Off));
    let options = options(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1/v1/metrics")]);
    let (dispatch, _guard) = telemetry::dispatch(&options, &Registry::default()).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        assert!(guest::is_told(Kind::Metrics) && !guest::is_told(Kind::Spans));
        assert_eq!(guest::tell(span("a")), Err(Untold::Off));
    });
}

#[test]
fn a_collector_that_does_not_answer_costs_what_is_told_and_nobodys_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let options = options(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint), ("RUST_LOG", "off")]);
    let (dispatch, guard) = telemetry::dispatch(&options, &Registry::default()).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        let answers: Vec<_> = (0..20_000).map(|_| guest::tell(span("a"))).collect();
        assert!(answers.contains(&Err(Untold::Full)) && answers.first() == Some(&Ok(())));
    });
    drop(guard);
}
