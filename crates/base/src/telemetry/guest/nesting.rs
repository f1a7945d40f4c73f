//! Makes spans of the host children of the guest's span that is open: a host function that a guest calls belongs to what the guest was
//! doing. The span of the guest's work carries which of its spans are open; the two layers stand before and after the exporter's, which
//! takes the parent of a new span from the current context.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, ContextGuard};
use tracing::Span;
use tracing::span::{Attributes, Id};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{self, Layer};
use tracing_subscriber::registry::LookupSpan as _;

use crate::telemetry::TraceContext;

/// Open spans of one guest that are remembered; what is opened beyond that has no children of the host's.
const OPEN_MAX: usize = 128;

/// The spans that one guest has open, the innermost last.
#[derive(Debug, Clone, Default)]
pub struct OpenSpans(Arc<Mutex<Vec<TraceContext>>>);

impl OpenSpans {
    /// Notes that the guest, whose work is the current span of the host, opens the span at `place`.
    pub fn opened(&self, place: TraceContext) {
        Span::current().with_subscriber(|(id, dispatch)| {
            let Some(span) = dispatch.downcast_ref::<Registry>().and_then(|registry| registry.span(id)) else { return };
            span.extensions_mut().replace(self.clone());
        });
        let mut open = self.lock();
        if open.len() < OPEN_MAX {
            open.push(place);
        }
    }

    /// Notes that the guest closes the span with this id, in whatever order.
    pub fn closed(&self, span_id: &str) {
        self.lock().retain(|place| place.span_id() != span_id);
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn innermost(&self) -> Option<TraceContext> {
        self.lock().last().cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<TraceContext>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// The guest's span as the current context, while the exporter's layer sees a new span.
    static PARENT: RefCell<Option<ContextGuard>> = const { RefCell::new(None) };
}

/// Stands before the exporter's layer.
pub(in crate::telemetry) struct Adopting;

/// Stands after the exporter's layer.
pub(in crate::telemetry) struct Adopted;

impl Layer<Registry> for Adopting {
    fn on_new_span(&self, _attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, Registry>) {
        let parent = context.span(id).and_then(|span| span.parent());
        let open = parent.and_then(|parent| parent.extensions().get::<OpenSpans>().and_then(OpenSpans::innermost));
        if let Some(place) = open {
            let guard = Context::new().with_remote_span_context(place.into()).attach();
            PARENT.with_borrow_mut(|parent| *parent = Some(guard));
        }
    }
}

impl Layer<Registry> for Adopted {
    fn on_new_span(&self, _attributes: &Attributes<'_>, _id: &Id, _context: layer::Context<'_, Registry>) {
        let guard = PARENT.with_borrow_mut(Option::take);
        drop(guard);
    }
}
