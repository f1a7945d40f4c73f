//! What a guest tells of itself in the words of OpenTelemetry, through `wasi:otel`: spans, metrics and log records, which go where the
//! host's own go. It needs no grant, as standard error needs none; how much is told in one invocation is bounded, and where no collector
//! is named nothing is even looked at.

mod host;
mod logs;
mod metrics;
mod parts;
mod spans;

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_base::telemetry::guest::{self, OpenSpans, Told, Untold};
use coracle_engine::{About, Bound, Capability, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface};
use wasmtime::component::Linker;

/// Spans, batches of metrics and log records of one invocation.
const TOLD_MAX: u32 = 4_096;
/// Their size together.
const BYTES_MAX: usize = 4 << 20;

/// `wasi:otel`.
pub struct Otel;

/// What an instance has told in this invocation, and the spans that it has open.
#[derive(Debug, Default)]
pub struct State {
    component: String,
    open: OpenSpans,
    told: u32,
    bytes: usize,
}

/// Why something is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Error {
    /// The instance told as much as it may.
    #[error("more than {TOLD_MAX} things or {BYTES_MAX} bytes of telemetry in one invocation; tell less")]
    TooMuch,
    /// Nobody takes it.
    #[error(transparent)]
    Untold(#[from] Untold),
}

struct Granted;

impl State {
    /// Hands `told` on, within the bounds of the invocation.
    fn tell(&mut self, told: Told) -> Result<(), Error> {
        let was_within = self.told < TOLD_MAX && self.bytes <= BYTES_MAX;
        self.told = self.told.saturating_add(1);
        self.bytes = self.bytes.saturating_add(told.bytes());
        if self.told <= TOLD_MAX && self.bytes <= BYTES_MAX {
            return Ok(guest::tell(told)?);
        }
        if was_within {
            let component = &self.component;
            tracing::warn!(target: "coracle::guest", %component, "telemetry limit reached; the rest of this invocation is dropped");
        }
        Err(Error::TooMuch)
    }
}

impl Capability for Otel {
    fn name(&self) -> &'static str {
        "otel"
    }

    fn interfaces(&self) -> &'static [Interface] {
        const VERSIONS: &[&str] = &["0.2.0-rc.2"];
        const {
            &[
                Interface { name: "wasi:otel/types", versions: VERSIONS, granted_by: None },
                Interface { name: "wasi:otel/tracing", versions: VERSIONS, granted_by: None },
                Interface { name: "wasi:otel/metrics", versions: VERSIONS, granted_by: None },
                Interface { name: "wasi:otel/logs", versions: VERSIONS, granted_by: None },
            ]
        }
    }

    fn link(&self, linker: &mut Linker<InstanceState>, _generation: Generation) -> wasmtime::Result<()> {
        host::link(linker)
    }

    fn grant(&self, _request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        Ok(Some(Box::new(Granted)))
    }

    fn renew(&self, instance: &mut InstanceState) {
        if let Some(state) = instance.opened::<State>() {
            (state.told, state.bytes) = (0, 0);
            state.open.clear();
        }
    }

    fn about(&self) -> About {
        About {
            summary: "Spans, metrics and log records of the guest's own, sent to the host's OpenTelemetry collectors; spans nest both ways.",
            example: "# Every component may tell; there is nothing to grant. `OTEL_EXPORTER_OTLP_ENDPOINT` names the collector.\n",
            denied: "it is never denied; without a collector, and past the limit of an invocation, what is told is dropped",
            backends: &["otlp"],
        }
    }

    fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::count("spans, exports of metrics and log records of one invocation", TOLD_MAX.into()),
            Bound::bytes("their size together", BYTES_MAX as u64),
        ]
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { component: identity.component.clone(), ..State::default() })
    }
}
