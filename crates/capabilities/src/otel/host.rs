//! `wasi:otel@0.2.0-rc.2`. Nothing is converted unless a collector takes it.

use coracle_base::telemetry::TraceContext;
use coracle_base::telemetry::guest::{self, Kind, Told};
use coracle_engine::InstanceState;
use wasmtime::component::{HasData, Linker};

use self::bindings::wasi::otel;
use super::{State, logs, metrics, spans};

pub(super) mod bindings {
    wasmtime::component::bindgen!({ path: "src/otel/wit", world: "host" });
}

impl HasData for State {
    type Data<'a> = &'a mut State;
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    otel::tracing::add_to_linker::<_, State>(linker, InstanceState::state)?;
    otel::metrics::add_to_linker::<_, State>(linker, InstanceState::state)?;
    otel::logs::add_to_linker::<_, State>(linker, InstanceState::state)
}

impl otel::types::Host for State {}

impl otel::tracing::Host for State {
    fn on_start(&mut self, context: otel::tracing::SpanContext) {
        if let Some(place) = Some(&context).filter(|_| guest::is_told(Kind::Spans)).and_then(spans::place) {
            self.open.opened(place);
        }
    }

    /// A span that the guest never told to have begun is told all the same: guests may sample.
    fn on_end(&mut self, span: otel::tracing::SpanData) {
        if !guest::is_told(Kind::Spans) {
            return;
        }
        self.open.closed(&span.span_context.span_id);
        if let Some(span) = spans::message(span) {
            // What is dropped was told to the operator, and the guest could do nothing about it.
            let _ = self.tell(Told::Span(span));
        }
    }

    /// The host's span around the guest's work; where traces are not exported, the context that is none.
    fn outer_span_context(&mut self) -> otel::tracing::SpanContext {
        let outer = Some(tracing::Span::current()).filter(|span| !span.is_disabled()).and_then(|span| TraceContext::of(&span));
        spans::context(outer.as_ref())
    }
}

impl otel::metrics::Host for State {
    fn export(&mut self, told: otel::metrics::ResourceMetrics) -> Result<(), otel::metrics::Error> {
        if !guest::is_told(Kind::Metrics) {
            return Ok(());
        }
        let message = metrics::message(told, &self.component);
        self.tell(Told::Metrics(message)).map_err(|error| error.to_string())
    }
}

impl otel::logs::Host for State {
    fn on_emit(&mut self, record: otel::logs::LogRecord) {
        if guest::is_told(Kind::Logs) {
            let message = logs::message(record, &self.component);
            let _ = self.tell(Told::Log(message));
        }
    }
}
