//! `wasi:otel`: what a guest tells reaches the collector, its spans lie within the host's, and the host's within the guest's.

use std::sync::Arc;

use coracle_base::metrics::Registry;
use coracle_base::telemetry::guest::proto::collector::logs::v1::ExportLogsServiceRequest;
use coracle_base::telemetry::guest::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use coracle_base::telemetry::guest::proto::collector::trace::v1::ExportTraceServiceRequest;
use coracle_base::telemetry::guest::proto::metrics::v1::metric::Data;
use coracle_base::telemetry::guest::proto::trace::v1::Span;
use coracle_base::telemetry::{self, LogFormat, Options};
use coracle_engine::Metered;
use coracle_host::Runnable;
use coracle_testkit::built;
use coracle_testkit::fakes::{Fake, Reply};
use prost::Message;
use serde_json::json;
use tracing::Instrument as _;
use wasmtime::component::Val;

use crate::guest::Given;

const HOST: &str = "spin_key_value.open";
const WORK: &str = "execute_wasm_component";
const OWN_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// What came to the collector, and what the guest answered.
struct Told {
    spans: Vec<Span>,
    logs: Vec<ExportLogsServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    answer: Vec<Val>,
    /// Requests with the header that the environment asks for.
    tenants: usize,
}

fn ready() -> Runnable {
    Given::default().grant("key-value", json!(["default"])).run("teller", &built("teller-p2").unwrap())
}

async fn call(runnable: &Runnable, name: &str, arguments: &[Val]) -> Vec<Val> {
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await.unwrap();
        let function = instance.get_func(&mut store, name).unwrap();
        let mut results = vec![Val::Bool(false); function.ty(&store).results().len()];
        function.call_async(&mut store, arguments, &mut results).await.unwrap();
        results
    };
    Metered::new(calling, meter).await.unwrap()
}

fn options(variables: &[(&str, String)]) -> Options {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Options {
        format: LogFormat::Text,
        color: false,
        quiet: false,
        service_name: "host".to_owned(),
        service_version: "1".to_owned(),
        environment: environment.chain([("RUST_LOG".to_owned(), "off".to_owned())]).collect(),
    }
}

/// Calls a function of the guest within a span of the host, and waits until everything is told.
async fn told(name: &str, arguments: &[Val]) -> Told {
    let runnable = ready();
    // Whoever meets a span first decides whether anybody listens, so that everything is met once before.
    call(&runnable, name, arguments).await;
    let fake = Fake::start(|_| Reply::Json(200, String::new())).unwrap();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", fake.url()), ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a%20b".to_owned())];
    let (dispatch, guard) = telemetry::dispatch(&options(&variables), &Registry::default()).unwrap();
    let listening = tracing::dispatcher::set_default(&dispatch);
    tracing::callsite::rebuild_interest_cache();
    let work = tracing::info_span!(target: "coracle_test", WORK);
    let answer = call(&runnable, name, arguments).instrument(work).await;
    drop(listening);
    drop(guard);
    let asked = fake.asked();
    // The host's own exporters read the environment of the process, which this test does not change.
    let tenants = asked.iter().filter_map(|asked| asked.headers.get("x-tenant")).filter(|tenant| *tenant == "a b").count();
    let traces: Vec<ExportTraceServiceRequest> = decoded(&fake, "/v1/traces");
    let spans = traces.into_iter().flat_map(|it| it.resource_spans).flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
    let mut spans: Vec<Span> = spans.collect();
    spans.sort_by_key(|span| span.start_time_unix_nano);
    Told { spans, logs: decoded(&fake, "/v1/logs"), metrics: decoded(&fake, "/v1/metrics"), answer, tenants }
}

fn decoded<M: Message + Default>(fake: &Fake, path: &str) -> Vec<M> {
    fake.asked().into_iter().filter(|asked| asked.path == path).map(|asked| M::decode(asked.body).unwrap()).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Told {
    #[track_caller]
    fn span(&self, name: &str) -> &Span {
        let mut found = self.spans.iter().filter(|span| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no span `{name}`"));
        assert!(found.next().is_none(), "one span `{name}`");
        span
    }

    /// Whose children the host's calls are, in order.
    fn parents_of_calls(&self) -> Vec<String> {
        self.spans.iter().filter(|span| span.name == HOST).map(|span| hexadecimal(&span.parent_span_id)).collect()
    }
}

#[tokio::test]
async fn spans_of_host_and_guest_lie_within_each_other() {
    let told = told("nest", &[]).await;
    let work = told.span(WORK);
    let (parent, child) = (told.span("parent"), told.span("child"));
    assert_eq!(hexadecimal(&parent.parent_span_id), hexadecimal(&work.span_id));
    assert_eq!(hexadecimal(&child.parent_span_id), "00000000000000a1");
    let expected = ["00000000000000a2".to_owned(), "00000000000000a1".to_owned(), hexadecimal(&work.span_id)];
    assert_eq!(told.parents_of_calls(), expected);
    assert!(told.spans.iter().all(|span| span.trace_id == work.trace_id));
}

#[tokio::test]
async fn a_span_keeps_all_that_the_guest_says_of_it() {
    let told = told("nest", &[]).await;
    let span = told.span("child");
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (4_000_000_005, 6_000_000_005));
    let attributes = format!("{:?}", span.attributes);
    assert!(attributes.contains("StringValue(\"a\")") && attributes.contains("IntValue(-2)"), "{attributes}");
    assert_eq!((span.events[0].name.as_str(), span.events[0].time_unix_nano), ("halfway", 5_000_000_005));
    assert_eq!(hexadecimal(&span.links[0].span_id), "00000000000000a2");
    assert_eq!(span.status.as_ref().unwrap().message, "went wrong");
    assert_eq!((span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count), (1, 2, 3));
}

#[tokio::test]
async fn a_child_may_outlive_its_parent() {
    let told = told("out-of-order", &[]).await;
    assert_eq!(told.parents_of_calls(), ["00000000000000b2"]);
    assert_eq!(hexadecimal(&told.span("child").parent_span_id), "00000000000000b1");
}

#[tokio::test]
async fn a_span_without_an_end_is_a_parent_and_is_not_told() {
    let told = told("without-end", &[]).await;
    assert_eq!(told.parents_of_calls(), ["00000000000000c1"]);
    assert_eq!(told.spans.len(), 2);
}

#[tokio::test]
async fn a_root_span_takes_the_hosts_calls_into_its_own_trace() {
    let told = told("root", &[]).await;
    let (root, host) = (told.span("root"), told.span(HOST));
    assert_eq!(hexadecimal(&root.trace_id), OWN_TRACE);
    assert!(root.parent_span_id.is_empty());
    assert_eq!((hexadecimal(&host.trace_id), hexadecimal(&host.parent_span_id)), (OWN_TRACE.to_owned(), "00000000000000d1".to_owned()));
    assert_eq!(told.spans.len(), 3, "a span whose ids are none is left out");
}

#[tokio::test]
async fn a_guest_learns_which_span_of_the_hosts_is_around_it() {
    let told = told("outer", &[]).await;
    let work = told.span(WORK);
    let expected = format!("{} {} true true", hexadecimal(&work.trace_id), hexadecimal(&work.span_id));
    assert_eq!(told.answer, [Val::String(expected)]);
    let off = call(&ready(), "outer", &[]).await;
    assert_eq!(off, [Val::String(format!("{} {} false false", "0".repeat(32), "0".repeat(16)))]);
}

#[tokio::test]
async fn metrics_reach_the_collector_as_the_guest_summed_them_up() {
    let told = told("measure", &[]).await;
    assert_eq!((told.answer.as_slice(), told.tenants), ([Val::Result(Ok(None))].as_slice(), 1));
    let all: Vec<_> = told.metrics.iter().flat_map(|it| &it.resource_metrics).collect();
    let of_guest = all.iter().find(|it| format!("{:?}", it.resource).contains("teller")).unwrap();
    let resource = format!("{:?}", of_guest.resource);
    assert!(resource.contains("service.name") && resource.contains("component_id"), "{resource}");
    let metric = &of_guest.scope_metrics[0].metrics[0];
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!((metric.name.as_str(), sum.is_monotonic, sum.aggregation_temporality), ("guest.requests", true, 1));
    let point = format!("{:?}", sum.data_points[0]);
    assert!(point.contains("AsInt(3)") && point.contains("IntValue(7)") && point.contains("2000000005"), "{point}");
    assert_eq!(call(&ready(), "measure", &[]).await, [Val::Result(Ok(None))], "it is no error that nobody listens");
}

#[tokio::test]
async fn log_records_reach_the_collector_and_their_number_is_bounded() {
    let records = |told: &Told| {
        let logs = told.logs.iter().flat_map(|it| &it.resource_logs).flat_map(|it| &it.scope_logs).flat_map(|it| &it.log_records);
        logs.filter(|record| record.event_name == "happened").cloned().collect::<Vec<_>>()
    };
    let few = told("log", &[Val::U32(1)]).await;
    let record = &records(&few)[0];
    assert_eq!((record.severity_number, record.severity_text.as_str(), record.time_unix_nano), (10, "notice", 3_000_000_005));
    let shown = format!("{record:?}");
    assert!(shown.contains("StringValue(\"from the guest\")") && shown.contains("component_id") && shown.contains("teller"), "{shown}");
    assert_eq!((hexadecimal(&record.trace_id), hexadecimal(&record.span_id)), (OWN_TRACE.to_owned(), "00000000000000e1".to_owned()));
    let resource = format!("{:?}", few.logs.iter().flat_map(|it| &it.resource_logs).map(|it| &it.resource).collect::<Vec<_>>());
    assert!(resource.contains("service.name") && resource.contains("host"), "{resource}");
    assert_eq!(records(&told("log", &[Val::U32(5_000)]).await).len(), 4_096);
}
