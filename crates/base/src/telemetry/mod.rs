//! Logs on standard error, and traces, metrics and logs to an OpenTelemetry collector where the environment names one. Nothing here
//! reads the environment for a decision: the edge of the program passes it in. (The exporters read `OTEL_*` headers and resource
//! attributes themselves.)

mod collector;
mod context;
mod export;
mod logs;

pub mod guest;

pub use context::{TRACEPARENT, TRACESTATE, TraceContext};

use std::collections::BTreeMap;

use tracing::Dispatch;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, ParseError, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::metrics;
pub use export::Guard;

/// The target of the lines that components print, for collectors. Whoever watches standard error is shown them by other means.
pub const COMPONENT_OUTPUT: &str = "coracle::output";

/// A layer of any kind, so that a list of them makes one subscriber.
type BoxLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// How this process logs and whom it tells.
#[derive(Clone)]
pub struct Options {
    /// How lines look.
    pub format: LogFormat,
    /// Whether text has colours, which is for terminals.
    pub color: bool,
    /// Whether only warnings and errors of the host are logged, and nothing of guests. `RUST_LOG` overrules it.
    pub quiet: bool,
    /// The name of this service at the collector, unless the environment has another.
    pub service_name: String,
    /// The version of this service.
    pub service_version: String,
    /// The environment: `RUST_LOG`, `OTEL_*`, `SPIN_OTEL_TRACING_LEVEL`.
    pub environment: BTreeMap<String, String>,
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object each, for programs.
    Json,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A filter of log lines does not read.
    #[error("{variable} is not a log filter; write something like `{variable}=info` or `{variable}=coracle=debug`")]
    Filter {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The protocol is not one that we speak.
    #[error("{variable} asks for the protocol `{protocol}`, which is not supported; use `http/protobuf` or `grpc`")]
    Protocol {
        /// The environment variable.
        variable: String,
        /// What it says.
        protocol: String,
    },
    /// The collector's address is none.
    #[error("{variable} is not the address of a collector; write `http://host:4318` or `https://host:4318`")]
    Endpoint {
        /// The environment variable.
        variable: String,
    },
    /// The exporter cannot be made.
    #[error("telemetry of {signal} cannot be exported; check the OTEL_ variables, or unset {variable}")]
    Exporter {
        /// Traces, metrics or logs.
        signal: &'static str,
        /// The environment variable that switched it on.
        variable: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Threads for exporting cannot start.
    #[error("the thread that exports telemetry cannot start; check the limit on threads")]
    Thread(#[source] std::io::Error),
    /// Telemetry runs already.
    #[error("telemetry was started before; start it once, in `main`")]
    Twice,
}

/// Starts telemetry for this process. What is still on its way is sent when the guard is dropped.
///
/// # Errors
/// [`TelemetryError`] names the environment variable to mend.
pub fn init(options: &Options) -> Result<Guard, TelemetryError> {
    let (dispatch, guard) = dispatch(options, metrics::global())?;
    dispatch.try_init().map_err(|_| TelemetryError::Twice)?;
    Ok(guard)
}

/// Like [`init`], but leaves it to the caller where the dispatcher counts, and exports the metrics of `registry`.
///
/// # Errors
/// As [`init`].
pub fn dispatch(options: &Options, registry: &metrics::Registry) -> Result<(Dispatch, Guard), TelemetryError> {
    build(options, registry, BoxMakeWriter::new(std::io::stderr))
}

fn build(options: &Options, registry: &metrics::Registry, writer: BoxMakeWriter) -> Result<(Dispatch, Guard), TelemetryError> {
    let mut layers = vec![lines(options, writer)?];
    let guard = export::start(options, registry, &mut layers)?;
    Ok((tracing_subscriber::registry().with(layers).into(), guard))
}

/// The lines on standard error.
fn lines(options: &Options, writer: BoxMakeWriter) -> Result<BoxLayer, TelemetryError> {
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(options.color);
    let filter = written(options)?;
    Ok(match options.format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
    })
}

/// Which events become lines.
fn written(options: &Options) -> Result<impl Filter<Registry> + Send + Sync + use<>, TelemetryError> {
    let usual = if options.quiet { "warn,coracle::guest=off" } else { "warn,coracle=info" };
    let filter = options.filter("RUST_LOG", |directives| directives.unwrap_or(usual).to_owned())?;
    // Where one of two filters does not say what it leaves out, every record of every library comes as far as here, and the engine alone
    // writes nearly two hundred for a request of WASI 0.3.
    let level_max = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    // Spans are for collectors: kept out of here, they cost nothing while there is none.
    let events = filter_fn(|metadata| metadata.is_event() && metadata.target() != COMPONENT_OUTPUT);
    Ok(filter.and(events.with_max_level_hint(level_max)))
}

impl Options {
    /// The value of an environment variable that is set and not empty.
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The filter that an environment variable asks for; `directives` makes the whole of what it says.
    fn filter(&self, variable: &'static str, directives: impl Fn(Option<&str>) -> String) -> Result<EnvFilter, TelemetryError> {
        let directives = directives(self.variable(variable));
        EnvFilter::builder().parse(directives).map_err(|source| TelemetryError::Filter { variable, source })
    }
}

#[cfg(test)]
mod tests;
