//! The spans of a request, under Spin's names, and the W3C trace context that a guest's own requests carry on.

use coracle_base::telemetry::{TRACEPARENT, TraceContext};
use coracle_capabilities::http_client::Arrival;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use tracing::Span;
use tracing::field::Empty;

use super::{Body, Peer};

/// Made once: by its text it would be parsed for each request.
static FIELD: HeaderName = HeaderName::from_static(TRACEPARENT);

/// The span of a request that found its route. It costs nothing while nobody listens.
pub(super) fn request(request: &Request<Body>, peer: Peer, route: &str) -> Span {
    let span = tracing::info_span!(
        "http_request",
        otel.name = Empty,
        otel.kind = "server",
        http.request.method = Empty,
        http.route = Empty,
        url.path = Empty,
        client.address = Empty,
        http.response.status_code = Empty,
    );
    if !span.is_disabled() {
        span.record("otel.name", format!("{} {route}", request.method()));
        span.record("http.request.method", request.method().as_str());
        span.record("http.route", route);
        span.record("url.path", request.uri().path());
        span.record("client.address", peer.client.ip().to_string());
        if let Some(context) = TraceContext::extract(|name| request.headers().get(name)?.to_str().ok()) {
            context.adopt(&span);
        }
    }
    span
}

/// The span of the guest's work.
pub(super) fn guest(request: &Span, component: &str) -> Span {
    let span = tracing::info_span!(parent: request, "execute_wasm_component", otel.name = Empty);
    if !span.is_disabled() {
        span.record("otel.name", format!("execute_wasm_component {component}"));
    }
    span
}

/// Notes in the span of a request how it was answered.
pub(super) fn answered(request: &Span, status: StatusCode) {
    request.record("http.response.status_code", status.as_u16());
}

/// Leaves in `request` what the guest's own requests carry on: the exported span where there is one, else what the request itself brought.
pub(super) fn arrive(request: &mut Request<Body>, span: &Span) {
    let mut arrival = request.extensions_mut().remove::<Arrival>().unwrap_or_default();
    let exported = if span.is_disabled() { None } else { TraceContext::of(span) };
    arrival.traceparent = match exported {
        Some(context) => HeaderValue::try_from(context.to_string()).ok(),
        None => arrival.traceparent.or_else(|| request.headers().get(&FIELD).cloned()),
    };
    // Most requests bring nothing, and for them nothing is made.
    if arrival != Arrival::default() {
        request.extensions_mut().insert(arrival);
    }
}
