//! What guests import: one file for each interface, each a thin translation to [`Container`](super::handle::Container).

mod cloud;
mod cloud_body;
mod wasi_draft;

#[cfg(test)]
mod tests;

use coracle_engine::{Generation, Import, InstanceState, Label, View};
use wasmtime::component::{HasData, Linker, LinkerInstance};

use super::{State, WASI_BLOBSTORE};

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

/// Adds the functions of `import`, whose containers lie in the store that its label names.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, import: &Import, label: Label) -> wasmtime::Result<()> {
    match import.name.as_str() {
        WASI_BLOBSTORE => wasi_draft::link_labelled(linker, label),
        _ => cloud::link_labelled(linker, label),
    }
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}
