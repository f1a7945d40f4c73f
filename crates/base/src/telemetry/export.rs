//! Sends telemetry to collectors, over HTTP or gRPC, from a thread of its own: no request of a guest waits for a collector.

use std::sync::mpsc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::{Handle, Runtime};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;

use super::collector::{Collector, LOGS, METRICS, Protocol, TRACES};
use super::guest::{Adopted, Adopting, Kind, Relay, Relays, Sender};
use super::logs::Logs;
use super::{BoxLayer, Options, TelemetryError};
use crate::metrics;

/// How long the end of the process waits for what is still on its way.
const FLUSH_MAX: Duration = Duration::from_secs(5);

const SCOPE: &str = "coracle";

/// Keeps telemetry running. Dropping it sends what is still on its way, for at most five seconds.
#[must_use = "telemetry ends when the guard is dropped"]
#[derive(Default)]
pub struct Guard {
    runtime: Option<Runtime>,
    providers: Providers,
    relays: Relays,
}

#[derive(Default)]
struct Providers {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// Starts what the environment asks for and adds its layers.
pub(super) fn start(options: &Options, registry: &metrics::Registry, layers: &mut Vec<BoxLayer>) -> Result<Guard, TelemetryError> {
    let collectors = (Collector::of(TRACES, options)?, Collector::of(METRICS, options)?, Collector::of(LOGS, options)?);
    if let (None, None, None) = collectors {
        return Ok(Guard::default());
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).thread_name("coracle-otlp").enable_all().build().map_err(TelemetryError::Thread)?;
    // gRPC channels belong to the runtime in which they are made.
    let entered = runtime.enter();
    let mut providers = Providers::default();
    let mut relay = Relay::default();
    let mut open = |kind, collector: &Collector| {
        let sender = Sender::new(collector, || Client::new(collector, runtime.handle())).map_err(|source| collector.refused(source))?;
        relay.open(kind, sender, &resource(options), runtime.handle());
        Ok::<_, TelemetryError>(())
    };
    if let Some(collector) = collectors.0 {
        open(Kind::Spans, &collector)?;
        let exporter = span_exporter(&collector, runtime.handle()).map_err(|source| collector.refused(source))?;
        let provider = SdkTracerProvider::builder().with_resource(resource(options)).with_batch_exporter(exporter).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SCOPE)).with_threads(false).with_location(false);
        layers.push(Adopting.with_filter(exported(options)?).boxed());
        layers.push(layer.with_filter(exported(options)?).boxed());
        layers.push(Adopted.with_filter(exported(options)?).boxed());
        providers.traces = Some(provider);
    }
    if let Some(collector) = collectors.1 {
        open(Kind::Metrics, &collector)?;
        let exporter = metric_exporter(&collector, runtime.handle()).map_err(|source| collector.refused(source))?;
        let provider = SdkMeterProvider::builder().with_resource(resource(options)).with_periodic_exporter(exporter).build();
        registry.export(provider.meter(SCOPE));
        providers.metrics = Some(provider);
    }
    if let Some(collector) = collectors.2 {
        open(Kind::Logs, &collector)?;
        let exporter = log_exporter(&collector, runtime.handle()).map_err(|source| collector.refused(source))?;
        let provider = SdkLoggerProvider::builder().with_resource(resource(options)).with_batch_exporter(exporter).build();
        layers.push(Logs::new(&provider, SCOPE).with_filter(exported(options)?).boxed());
        providers.logs = Some(provider);
    }
    drop(entered);
    let relays = relay.relays();
    layers.push(relay.with_filter(LevelFilter::OFF).boxed());
    Ok(Guard { runtime: Some(runtime), providers, relays })
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let (providers, relays) = (std::mem::take(&mut self.providers), std::mem::take(&mut self.relays));
        let (done, ended) = mpsc::channel();
        // On a thread, because an exporter's own timeouts may add up to more than the end of a process should wait.
        let shutdown = std::thread::Builder::new().name("coracle-otlp-end".to_owned()).spawn(move || {
            relays.flush();
            providers.shutdown();
            let _ = done.send(());
        });
        if shutdown.is_ok() {
            let _ = ended.recv_timeout(FLUSH_MAX);
        }
        runtime.shutdown_background();
    }
}

impl Providers {
    /// Sends what is left. A collector that cannot be reached was already complained about by the exporter.
    fn shutdown(self) {
        let _ = self.traces.map(|provider| provider.shutdown_with_timeout(FLUSH_MAX));
        let _ = self.logs.map(|provider| provider.shutdown_with_timeout(FLUSH_MAX));
        let _ = self.metrics.map(|provider| provider.shutdown_with_timeout(FLUSH_MAX));
    }
}

impl Collector {
    fn refused(&self, source: BoxError) -> TelemetryError {
        TelemetryError::Exporter { signal: self.signal.name, variable: self.variable.clone(), source }
    }
}

/// What spans and events are exported. Those of the libraries that do the exporting would beget more of themselves, so that only our
/// own are unless the environment names others.
fn exported(options: &Options) -> Result<tracing_subscriber::EnvFilter, TelemetryError> {
    options.filter("SPIN_OTEL_TRACING_LEVEL", |asked| match asked {
        None => "off,coracle=info".to_owned(),
        Some(level) if level.parse::<tracing::metadata::LevelFilter>().is_ok() => format!("off,coracle={level}"),
        Some(directives) => directives.to_owned(),
    })
}

/// Who we are. The environment's `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go first.
fn resource(options: &Options) -> Resource {
    let names_itself = options.variable("OTEL_SERVICE_NAME").is_some()
        || options.variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|attributes| attributes.contains("service.name="));
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", options.service_version.clone()));
    if names_itself { builder.build() } else { builder.with_service_name(options.service_name.clone()).build() }
}

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Builds the exporter of one signal. The three builders have no trait in common that could choose the protocol.
macro_rules! exporter {
    ($name:ident, $exporter:ident) => {
        fn $name(collector: &Collector, runtime: &Handle) -> Result<$exporter, BoxError> {
            let (endpoint, timeout) = (collector.endpoint.as_str(), collector.timeout);
            Ok(match collector.protocol {
                Protocol::Http => {
                    let builder = $exporter::builder().with_http().with_http_client(Client::new(collector, runtime)?);
                    builder.with_protocol(opentelemetry_otlp::Protocol::HttpBinary).with_endpoint(endpoint).with_timeout(timeout).build()?
                }
                Protocol::Grpc => {
                    let builder = $exporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(timeout);
                    if collector.is_https() {
                        builder.with_tls_config(ClientTlsConfig::new().with_native_roots()).build()?
                    } else {
                        builder.build()?
                    }
                }
            })
        }
    };
}

exporter!(span_exporter, SpanExporter);
exporter!(metric_exporter, MetricExporter);
exporter!(log_exporter, LogExporter);

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;

/// Sends an export on our runtime: the threads that ask for it have none.
#[derive(Debug)]
pub(super) struct Client {
    runtime: Handle,
    http: HyperClient<Connector>,
}

impl Client {
    fn new(collector: &Collector, runtime: &Handle) -> Result<Self, BoxError> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        let connector = if collector.is_https() {
            builder.with_provider_and_native_roots(provider)?.https_only().enable_http1().build()
        } else {
            // A machine without certificates must still reach a collector that needs none.
            let config = rustls::ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
            let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
            builder.with_tls_config(config).https_or_http().enable_http1().build()
        };
        Ok(Self { runtime: runtime.clone(), http: HyperClient::new(connector, collector.timeout, None) })
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        self.runtime.spawn(async move { http.send_bytes(request).await }).await?
    }
}
