//! What guests import: one file for each version of the interface, each a thin translation to [`Handle`].

mod cloud;
mod cloud_async;
mod cloud_read;
mod cloud_write;
mod spin_v1;
mod spin_v2;
mod spin_v3;
mod spin_v4;
mod spin_v4_async;
mod translate;

#[cfg(test)]
mod tests;

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker, Resource};

use super::client::Roots;
use super::handle::{Handle, Opening};
use super::{Error, State};

/// The host functions' view of an instance.
struct Access;

/// A connection that is described before it is opened.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Builder {
    address: String,
    roots: Option<Roots>,
}

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`. Version 4.2 has functions that an engine without component-model-async cannot define, and a component
/// for such an engine cannot import; what is left of it is 4.1, which answers for it there.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    spin_v1::bindings::fermyon::spin::rdbms_types::add_to_linker::<_, Access>(linker, view)?;
    spin_v1::bindings::fermyon::spin::postgres::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::rdbms_types::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::postgres::add_to_linker::<_, Access>(linker, view)?;
    spin_v3::bindings::spin::postgres::postgres::add_to_linker::<_, Access>(linker, view)?;
    match generation {
        Generation::P2 => spin_v4::bindings::spin::postgres::postgres::add_to_linker::<_, Access>(linker, view)?,
        Generation::P3 => {
            spin_v4_async::bindings::spin::postgres::postgres::add_to_linker::<_, Access>(linker, view)?;
            cloud_async::link(linker)?;
        }
    }
    cloud::link(linker)
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

/// Opens a connection to `address` as a resource of the instance.
async fn open(view: &mut View<'_, State>, address: &str, roots: Option<Roots>) -> wasmtime::Result<Result<Resource<Handle>, Error>> {
    match view.state.begin_open(address, roots) {
        Ok(opening) => {
            let opened = opening.finish().await;
            keep(view, opened)
        }
        Err(error) => Ok(Err(error)),
    }
}

/// Begins to open a connection, for functions that do not hold the instance while they wait.
fn begin(view: &mut View<'_, State>, address: &str, roots: Option<Roots>) -> Result<Opening, Error> {
    view.state.begin_open(address, roots)
}

/// Makes what was opened a resource, or gives its place back.
fn keep(view: &mut View<'_, State>, opened: Result<Handle, Error>) -> wasmtime::Result<Result<Resource<Handle>, Error>> {
    match opened {
        Ok(handle) => Ok(Ok(view.table.push(handle)?)),
        Err(error) => {
            view.state.close();
            Ok(Err(error))
        }
    }
}

/// The connection behind a resource. That it is not there is a fault of the guest, for which it traps.
fn handle(view: &View<'_, State>, resource: &Resource<Handle>) -> wasmtime::Result<Handle> {
    Ok(view.table.get(resource)?.clone())
}

/// Drops a resource.
fn close(view: &mut View<'_, State>, resource: Resource<Handle>) -> wasmtime::Result<()> {
    view.table.delete(resource)?;
    view.state.close();
    Ok(())
}
