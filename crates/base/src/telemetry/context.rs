//! W3C trace context: which trace a request belongs to, read from its headers and written to those of the requests it leads to. It
//! is passed on whether or not traces are exported.

use std::fmt;
use std::str::FromStr as _;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header that carries the trace and the caller's span.
pub const TRACEPARENT: &str = "traceparent";

/// The header that carries what tracing systems add.
pub const TRACESTATE: &str = "tracestate";

/// A longer `tracestate` is left out.
const TRACESTATE_BYTES_MAX: usize = 512;

/// A place in a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceContext(SpanContext);

impl TraceContext {
    /// Reads the headers of a request; `None` when they carry no valid context.
    pub fn extract<'h>(header: impl Fn(&'static str) -> Option<&'h str>) -> Option<Self> {
        let state = header(TRACESTATE).filter(|state| state.len() <= TRACESTATE_BYTES_MAX);
        let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
        parse(header(TRACEPARENT)?.trim(), state).map(Self)
    }

    /// The place of `span`, where traces are exported.
    #[must_use]
    pub fn of(span: &tracing::Span) -> Option<Self> {
        let context = span.context().span().span_context().clone();
        context.is_valid().then_some(Self(context))
    }

    /// The place that ids in hexadecimal digits name; `None` when they name none. A wrong `state` is left out.
    #[must_use]
    pub fn of_ids(trace_id: &str, span_id: &str, is_sampled: bool, state: &[(String, String)]) -> Option<Self> {
        let trace = TraceId::from_hex(hexadecimal(trace_id, 32)?).ok()?;
        let span = SpanId::from_hex(hexadecimal(span_id, 16)?).ok()?;
        let pairs = state.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let state = TraceState::from_key_value(pairs).unwrap_or_default();
        let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let context = SpanContext::new(trace, span, flags, false, state);
        context.is_valid().then_some(Self(context))
    }

    /// The id of the trace, in hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// The id of the span, in hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        self.0.span_id().to_string()
    }

    /// Whether the trace is recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }

    /// What tracing systems added.
    #[must_use]
    pub fn state(&self) -> Vec<(String, String)> {
        let header = self.0.trace_state().header();
        header.split(',').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Makes `span`, which was not entered yet, a child of this place.
    pub fn adopt(&self, span: &tracing::Span) {
        let parent = opentelemetry::Context::new().with_remote_span_context(self.0.clone());
        // The only errors are that traces are off, or that the span was entered: it then stays where it is.
        let _ = span.set_parent(parent);
    }

    /// Gives each header of this context to `set`.
    pub fn inject(&self, mut set: impl FnMut(&'static str, String)) {
        set(TRACEPARENT, self.to_string());
        let state = self.0.trace_state().header();
        if !state.is_empty() {
            set(TRACESTATE, state);
        }
    }
}

impl From<TraceContext> for SpanContext {
    fn from(place: TraceContext) -> Self {
        place.0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = (self.0.trace_flags() & TraceFlags::SAMPLED).to_u8();
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.0.trace_id(), self.0.span_id())
    }
}

/// Reads `version-trace-span-flags`. A version after 00 may carry more fields, which are not ours to understand.
fn parse(text: &str, state: TraceState) -> Option<SpanContext> {
    let mut fields = text.split('-');
    let version = hexadecimal(fields.next()?, 2)?;
    let trace = TraceId::from_hex(hexadecimal(fields.next()?, 32)?).ok()?;
    let span = SpanId::from_hex(hexadecimal(fields.next()?, 16)?).ok()?;
    let flags = u8::from_str_radix(hexadecimal(fields.next()?, 2)?, 16).ok()?;
    if version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(trace, span, TraceFlags::new(flags) & TraceFlags::SAMPLED, true, state);
    context.is_valid().then_some(context)
}

fn hexadecimal(text: &str, length: usize) -> Option<&str> {
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (text.len() == length && is_hexadecimal).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn extract(parent: &'static str, state: &'static str) -> Option<TraceContext> {
        TraceContext::extract(|name| match name {
            TRACEPARENT => Some(parent),
            TRACESTATE => Some(state).filter(|state| !state.is_empty()),
            _ => None,
        })
    }

    fn inject(context: &TraceContext) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        context.inject(|name, value| headers.push((name, value)));
        headers
    }

    #[test]
    fn a_context_passes_through_unchanged() {
        let headers = inject(&extract(PARENT, "a=1,b=2").unwrap());
        assert_eq!(headers, [(TRACEPARENT, PARENT.to_owned()), (TRACESTATE, "a=1,b=2".to_owned())]);
        assert_eq!(inject(&extract(PARENT, "").unwrap()).len(), 1);
        assert_eq!(inject(&extract(PARENT, "not a state").unwrap()).len(), 1);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = extract("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more", "").unwrap();
        assert_eq!(later.to_string(), PARENT);
    }

    #[test]
    fn what_is_not_a_context_is_left_out() {
        for parent in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b71692033311-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-é0af7651916cd43dd8448eb211c803-b7ad6b7169203331-01",
        ] {
            assert_eq!(extract(parent, "a=1"), None, "{parent}");
        }
    }
}
