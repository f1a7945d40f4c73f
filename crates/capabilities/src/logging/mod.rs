//! Log lines that a guest writes with a level through `wasi:logging`. They need no grant, as standard error needs none; their length
//! and their sum are bounded.

mod host;

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{About, Capability, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface};
use wasmtime::component::Linker;

/// `wasi:logging`, with and without a version.
pub struct Logging;

/// How much an instance has logged in this invocation.
#[derive(Debug, Default)]
pub struct State {
    bytes: usize,
}

struct Granted;

impl Capability for Logging {
    fn name(&self) -> &'static str {
        "logging"
    }

    fn interfaces(&self) -> &'static [Interface] {
        &[
            Interface { name: "wasi:logging/logging", versions: &["0.1.0-draft"], granted_by: None },
            Interface { name: "wasi:logging/logging", versions: &[], granted_by: None },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, _generation: Generation) -> wasmtime::Result<()> {
        host::link(linker)
    }

    fn grant(&self, _request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        Ok(Some(Box::new(Granted)))
    }

    fn renew(&self, instance: &mut InstanceState) {
        if let Some(state) = instance.opened::<State>() {
            state.bytes = 0;
        }
    }

    fn about(&self) -> About {
        About {
            summary: "Log lines with a level and a context, which stand among the host's own under the component's name.",
            example: "# Every component may log; there is nothing to grant.\n",
            denied: "it is never denied; past the limit on log bytes further lines are dropped",
            backends: &[],
        }
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State::default())
    }
}
