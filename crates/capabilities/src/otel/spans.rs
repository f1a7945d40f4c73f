//! Spans of `wasi:otel` as OTLP has them.

use coracle_base::telemetry::TraceContext;
use coracle_base::telemetry::guest::proto::trace::v1::span::{Event, Link, SpanKind as Kind};
use coracle_base::telemetry::guest::proto::trace::v1::status::StatusCode;
use coracle_base::telemetry::guest::proto::trace::v1::{ScopeSpans, Span, Status as State};

use super::host::bindings::wasi::otel::tracing::{self as wit, SpanContext, SpanData, SpanKind, Status, TraceFlags};
use super::parts::{SPAN_ID, TRACE_ID, attributes, id, scope, time};

/// The flag of a trace that is recorded.
const SAMPLED: u32 = 1;

/// Where in a trace `context` is; `None` when its ids are none.
pub(super) fn place(context: &SpanContext) -> Option<TraceContext> {
    TraceContext::of_ids(&context.trace_id, &context.span_id, is_sampled(context), &context.trace_state)
}

/// What a guest is told of `place`; without one, the context that OpenTelemetry calls invalid.
pub(super) fn context(place: Option<&TraceContext>) -> SpanContext {
    let flags = if place.is_some_and(TraceContext::is_sampled) { TraceFlags::SAMPLED } else { TraceFlags::empty() };
    SpanContext {
        trace_id: place.map_or_else(|| "0".repeat(2 * TRACE_ID), TraceContext::trace_id),
        span_id: place.map_or_else(|| "0".repeat(2 * SPAN_ID), TraceContext::span_id),
        trace_flags: flags,
        is_remote: place.is_some(),
        trace_state: place.map_or_else(Vec::new, TraceContext::state),
    }
}

/// The span with its scope; `None` for one that is not sampled, or whose ids are none.
pub(super) fn message(data: SpanData) -> Option<ScopeSpans> {
    place(&data.span_context).filter(TraceContext::is_sampled)?;
    let (scope, schema_url) = scope(data.instrumentation_scope);
    let SpanContext { trace_id, span_id, trace_state, .. } = data.span_context;
    let span = Span {
        trace_id: id(&trace_id, TRACE_ID),
        span_id: id(&span_id, SPAN_ID),
        trace_state: state(trace_state),
        parent_span_id: parent(&data.parent_span_id),
        flags: SAMPLED,
        name: data.name,
        kind: kind(data.span_kind).into(),
        start_time_unix_nano: time(data.start_time),
        end_time_unix_nano: time(data.end_time),
        attributes: attributes(data.attributes),
        dropped_attributes_count: data.dropped_attributes,
        events: data.events.into_iter().map(event).collect(),
        dropped_events_count: data.dropped_events,
        links: data.links.into_iter().map(link).collect(),
        dropped_links_count: data.dropped_links,
        status: Some(status(data.status)),
    };
    Some(ScopeSpans { scope: Some(scope), spans: vec![span], schema_url })
}

fn is_sampled(context: &SpanContext) -> bool {
    context.trace_flags.contains(TraceFlags::SAMPLED)
}

/// A root span has no parent, or one whose id is all zeros.
fn parent(text: &str) -> Vec<u8> {
    let parent = id(text, SPAN_ID);
    if parent.iter().all(|byte| *byte == 0) { Vec::new() } else { parent }
}

fn state(pairs: Vec<(String, String)>) -> String {
    pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

fn kind(kind: SpanKind) -> Kind {
    match kind {
        SpanKind::Client => Kind::Client,
        SpanKind::Server => Kind::Server,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
        SpanKind::Internal => Kind::Internal,
    }
}

fn event(event: wit::Event) -> Event {
    let wit::Event { name, time: at, attributes: given } = event;
    Event { time_unix_nano: time(at), name, attributes: attributes(given), ..Event::default() }
}

fn link(link: wit::Link) -> Link {
    let flags = if is_sampled(&link.span_context) { SAMPLED } else { 0 };
    let SpanContext { trace_id, span_id, trace_state, .. } = link.span_context;
    Link {
        trace_id: id(&trace_id, TRACE_ID),
        span_id: id(&span_id, SPAN_ID),
        trace_state: state(trace_state),
        attributes: attributes(link.attributes),
        flags,
        ..Link::default()
    }
}

fn status(status: Status) -> State {
    let (code, message) = match status {
        Status::Unset => (StatusCode::Unset, String::new()),
        Status::Ok => (StatusCode::Ok, String::new()),
        Status::Error(message) => (StatusCode::Error, message),
    };
    State { code: code.into(), message }
}
