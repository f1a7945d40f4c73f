//! Where the environment says that telemetry goes: for each signal an address and a protocol.

use std::time::Duration;

use super::{Options, TelemetryError};

const EXPORTER: &str = "OTEL_EXPORTER_OTLP";

/// How long one export may take, unless the environment says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One kind of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    /// As people call it.
    pub(super) name: &'static str,
    /// As environment variables call it.
    variable: &'static str,
    /// Where a collector takes it over HTTP.
    path: &'static str,
}

pub(super) const TRACES: Signal = Signal { name: "traces", variable: "TRACES", path: "/v1/traces" };
pub(super) const METRICS: Signal = Signal { name: "metrics", variable: "METRICS", path: "/v1/metrics" };
pub(super) const LOGS: Signal = Signal { name: "logs", variable: "LOGS", path: "/v1/logs" };

/// Who takes one signal.
#[derive(PartialEq, Eq)]
pub(super) struct Collector {
    pub(super) signal: Signal,
    /// The whole address.
    pub(super) endpoint: String,
    pub(super) protocol: Protocol,
    pub(super) timeout: Duration,
    /// The environment variable that names it.
    pub(super) variable: String,
    /// What it wants to see in each request, as the environment writes it.
    pub(super) headers: String,
}

impl std::fmt::Debug for Collector {
    /// Headers may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("signal", &self.signal).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

impl Collector {
    /// Who takes `signal`; `None` when nobody was named.
    pub(super) fn of(signal: Signal, options: &Options) -> Result<Option<Self>, TelemetryError> {
        if options.variable("OTEL_SDK_DISABLED").is_some_and(|value| !value.eq_ignore_ascii_case("false")) {
            return Ok(None);
        }
        let Some((variable, address, is_own)) = find(signal, "ENDPOINT", options) else { return Ok(None) };
        let protocol = match find(signal, "PROTOCOL", options) {
            None | Some((_, "http/protobuf", _)) => Protocol::Http,
            Some((_, "grpc", _)) => Protocol::Grpc,
            Some((variable, protocol, _)) => return Err(TelemetryError::Protocol { variable, protocol: protocol.to_owned() }),
        };
        // A signal's own address is whole; the common one is where the paths of HTTP begin.
        let path = if is_own || protocol == Protocol::Grpc { "" } else { signal.path };
        let endpoint = if path.is_empty() { address.to_owned() } else { format!("{}{path}", address.trim_end_matches('/')) };
        let uri = endpoint.parse::<http::Uri>();
        if !uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())) {
            return Err(TelemetryError::Endpoint { variable });
        }
        let timeout = find(signal, "TIMEOUT", options).and_then(|(_, text, _)| text.parse().ok());
        let timeout = timeout.map_or(TIMEOUT, Duration::from_millis);
        let named = [format!("{EXPORTER}_HEADERS"), format!("{EXPORTER}_{}_HEADERS", signal.variable)];
        let headers: Vec<_> = named.iter().filter_map(|variable| options.variable(variable)).collect();
        Ok(Some(Self { signal, endpoint, protocol, timeout, variable, headers: headers.join(",") }))
    }

    pub(super) fn is_https(&self) -> bool {
        self.endpoint.starts_with("https:")
    }
}

/// The variable that says `what` of a signal, its value, and whether it is the signal's own variable and not the common one.
fn find<'o>(signal: Signal, what: &str, options: &'o Options) -> Option<(String, &'o str, bool)> {
    let variables = [(format!("{EXPORTER}_{}_{what}", signal.variable), true), (format!("{EXPORTER}_{what}"), false)];
    variables.into_iter().find_map(|(variable, is_own)| options.variable(&variable).map(|value| (variable.clone(), value, is_own)))
}
