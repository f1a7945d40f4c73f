//! What guests import: one file for each interface, each a thin translation to [`Container`](super::handle::Container).

mod cloud;
mod cloud_body;
mod wasi_draft;

#[cfg(test)]
mod tests;

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker};

use super::State;

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`. The functions of wasmCloud's are async, which an engine without component-model-async cannot define, and
/// a component for such an engine cannot import.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    wasi_draft::link(linker)?;
    match generation {
        Generation::P2 => Ok(()),
        Generation::P3 => cloud::link(linker),
    }
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}
