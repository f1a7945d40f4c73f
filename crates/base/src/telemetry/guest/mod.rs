//! What guests tell of themselves: spans, metrics and log records in the words of OpenTelemetry, which go to the same collectors as the
//! host's own. Each kind has a bounded queue and is sent from the exporters' thread; where no collector is named nothing is kept.

mod nesting;
mod relay;
mod sender;

pub use nesting::OpenSpans;
pub use opentelemetry_proto::tonic as proto;

pub(super) use nesting::{Adopted, Adopting};
pub(super) use relay::{Relay, Relays};
pub(super) use sender::Sender;

use prost::Message as _;
use proto::logs::v1::ResourceLogs;
use proto::metrics::v1::ResourceMetrics;
use proto::trace::v1::ScopeSpans;

/// A kind of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Spans that have ended.
    Spans,
    /// Metrics as a guest has summed them up.
    Metrics,
    /// Log records.
    Logs,
}

/// One thing that a guest tells. Without a resource of its own it is told as the host's.
#[derive(Debug, Clone)]
pub enum Told {
    /// A span.
    Span(ScopeSpans),
    /// Metrics.
    Metrics(ResourceMetrics),
    /// A log record.
    Log(ResourceLogs),
}

/// Why something is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// No collector is named for it.
    #[error("no collector takes this kind of telemetry")]
    Off,
    /// The collector is slower than the guests.
    #[error("the collector is slower than what it is told")]
    Full,
}

/// Whether a collector takes `kind`.
#[must_use]
pub fn is_told(kind: Kind) -> bool {
    with_relay(|relay| relay.takes(kind)).unwrap_or(false)
}

/// Hands `told` to the collector, without waiting for it.
///
/// # Errors
/// [`Untold`].
pub fn tell(told: Told) -> Result<(), Untold> {
    with_relay(|relay| relay.tell(told)).unwrap_or(Err(Untold::Off))
}

fn with_relay<T>(work: impl FnOnce(&Relay) -> T) -> Option<T> {
    let mut work = Some(work);
    tracing::dispatcher::get_default(|dispatch| dispatch.downcast_ref::<Relay>().zip(work.take()).map(|(relay, work)| work(relay)))
}

impl Told {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Span(_) => Kind::Spans,
            Self::Metrics(_) => Kind::Metrics,
            Self::Log(_) => Kind::Logs,
        }
    }

    /// Its size on the wire.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Span(span) => span.encoded_len(),
            Self::Metrics(metrics) => metrics.encoded_len(),
            Self::Log(log) => log.encoded_len(),
        }
    }
}
