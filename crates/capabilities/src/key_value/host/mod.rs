//! What guests import: one file for each version of the interface, each a thin translation to [`Handle`].

mod spin_v1;
mod spin_v2;
mod spin_v3;
mod wasi_draft;
mod wasi_draft2;

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker, Resource};

use super::handle::Handle;
use super::{Error, State};

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    spin_v1::bindings::fermyon::spin::key_value::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::key_value::add_to_linker::<_, Access>(linker, view)?;
    for_draft(linker)?;
    for_draft2(linker)?;
    if generation == Generation::P3 {
        spin_v3::bindings::spin::key_value::key_value::add_to_linker::<_, Access>(linker, view)?;
    }
    Ok(())
}

fn for_draft(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    use wasi_draft::bindings::wasi::keyvalue::{atomics, batch, store};
    store::add_to_linker::<_, Access>(linker, view)?;
    atomics::add_to_linker::<_, Access>(linker, view)?;
    batch::add_to_linker::<_, Access>(linker, view)
}

fn for_draft2(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    use wasi_draft2::bindings::wasi::keyvalue::{atomics, batch, store};
    store::add_to_linker::<_, Access>(linker, view)?;
    atomics::add_to_linker::<_, Access>(linker, view)?;
    batch::add_to_linker::<_, Access>(linker, view)
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

/// Opens `label` as a resource of the instance.
fn open(view: &mut View<'_, State>, label: &str) -> Result<Resource<Handle>, Error> {
    let handle = view.state.open(label)?;
    view.table.push(handle).map_err(|_| {
        view.state.close();
        Error::TableFull
    })
}

/// The store behind a resource. That it is not there is a fault of the guest, for which it traps.
fn handle(view: &View<'_, State>, resource: &Resource<Handle>) -> wasmtime::Result<Handle> {
    Ok(view.table.get(resource)?.clone())
}

/// Drops a resource.
fn close(view: &mut View<'_, State>, resource: Resource<Handle>) -> wasmtime::Result<()> {
    view.table.delete(resource)?;
    view.state.close();
    Ok(())
}
