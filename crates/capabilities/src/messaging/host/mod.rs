//! What guests import: one file for each interface, each a thin translation to [`Outlet`]. Two of them have the same name and number,
//! `wasmcloud:messaging/types@0.3.0`; version 2's has types alone, for which nothing has to be linked.

mod consumer;
mod consumer_async;
mod message;
mod producer;

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker};

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

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

#[cfg(test)]
mod tests;
