//! What guests import: one file for each interface, each a thin translation to [`Outlet`]. Two of them have the same name and number,
//! `wasmcloud:messaging/types@0.3.0`; version 2's has types alone, for which nothing has to be linked.

mod consumer;
mod consumer_async;
mod message;
mod producer;

use coracle_engine::{Generation, Import, InstanceState, Label, View};
use wasmtime::component::{HasData, Linker, LinkerInstance};

use super::handle::Outlet;
use super::{Error, Message, State};

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    consumer::bindings::wasmcloud::messaging::consumer::add_to_linker::<_, Access>(linker, view)?;
    producer::link(linker)?;
    match generation {
        Generation::P2 => Ok(()),
        Generation::P3 => consumer_async::bindings::wasmcloud::messaging::consumer::add_to_linker::<_, Access>(linker, view),
    }
}

/// Adds the functions of `import`, a consumer of the broker that its label names.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, import: &Import, label: Label) -> wasmtime::Result<()> {
    use consumer::bindings::wasmcloud::messaging::consumer as texts;
    use consumer_async::bindings::wasmcloud::messaging::consumer as streams;
    match import.version.as_deref() {
        Some(version) if version.starts_with("0.2.") => texts::add_to_linker_instance::<_, Access>(linker, label.view()),
        _ => streams::add_to_linker_instance::<_, Access>(linker, label.view()),
    }
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

#[cfg(test)]
mod tests;
