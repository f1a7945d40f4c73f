//! The parts of WASI that every toolchain imports: cli, clocks, random, io, filesystem and sockets, in versions 0.2 and 0.3. A
//! component without grants sees no environment, no files and no network.

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{About, Capability, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface};
use wasmtime::component::Linker;
use wasmtime_wasi::WasiCtx;

mod link;

/// WASI without HTTP.
pub struct Wasi;

/// The WASI context of one instance.
pub struct State {
    ctx: WasiCtx,
}

struct Granted {
    environment: Vec<(String, String)>,
}

impl Default for State {
    fn default() -> Self {
        Self { ctx: WasiCtx::builder().build() }
    }
}

impl Capability for Wasi {
    fn name(&self) -> &'static str {
        "wasi"
    }

    fn interfaces(&self) -> &'static [Interface] {
        &[]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        link::p2(linker)?;
        if generation == Generation::P3 { link::p3(linker) } else { Ok(()) }
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        let environment = request.table("environment")?.into_iter().collect();
        Ok(Some(Box::new(Granted { environment })))
    }

    fn about(&self) -> About {
        About { summary: "", example: "", denied: "", backends: &[] }
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { ctx: WasiCtx::builder().envs(&self.environment).build() })
    }
}
