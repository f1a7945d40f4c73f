//! The parts of WASI that every toolchain imports: cli, clocks, random, io, filesystem and sockets, in versions 0.1, 0.2 and 0.3, on
//! `wasmtime-wasi`. A component without grants sees no environment, no files and no network; what it prints goes to the log.

use coracle_engine::{About, Capability, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface};
use wasmtime::component::Linker;

pub use command::{Captured, Command, Stdin, Stdout};
pub use logs::{LogSink, Logs, Stream, visible};
pub use sockets::OpenNetwork;
pub use state::State;

mod command;
mod environment;
mod files;
mod input_stream;
mod interfaces;
mod legacy;
mod link;
mod logs;
mod sockets;
mod state;

/// Defines WASI 0.1 for programs that are core modules.
///
/// # Errors
/// When the linker has one of its functions already.
pub fn link_programs(linker: &mut wasmtime::Linker<InstanceState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p1::add_to_linker_async(linker, state::program)
}

/// Lets the guests of `linker` listen on TCP, where their contexts have the [`OpenNetwork`].
///
/// # Errors
/// When the linker has no sockets.
pub fn let_listen(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    link::let_listen(linker, generation)
}

/// WASI without HTTP.
pub struct Wasi;

impl Capability for Wasi {
    fn name(&self) -> &'static str {
        "wasi"
    }

    fn interfaces(&self) -> &'static [Interface] {
        interfaces::ALL
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        link::p2(linker)?;
        legacy::link(linker)?;
        if generation == Generation::P3 { link::p3(linker) } else { Ok(()) }
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        Ok(Some(Box::new(state::Granted::from_request(request)?)))
    }

    fn renew(&self, instance: &mut InstanceState) {
        state::renew(instance);
    }

    fn about(&self) -> About {
        About {
            summary: "Environment, arguments, standard streams, clocks, randomness, files and sockets, as WASI 0.2 and 0.3 define them.",
            example: r#"[component.shop]
source = "shop.wasm"
environment = { GREETING = "hello" }
files = [{ source = "assets", destination = "/assets" }]
allowed_outbound_hosts = ["tcp://10.0.0.5:5432"]
"#,
            denied: "The environment and the list of directories are empty. Making or connecting a socket answers `access-denied`. Clocks, \
                     randomness and standard streams need no grant: what a guest prints goes to the log.",
            backends: &[],
        }
    }
}
