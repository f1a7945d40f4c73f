//! What guests import: one file for each version of the interface, each a thin translation to [`Handle`].

mod spin_v1;
mod spin_v2;
mod spin_v3;

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
    spin_v1::bindings::fermyon::spin::redis_types::add_to_linker::<_, Access>(linker, view)?;
    spin_v1::bindings::fermyon::spin::redis::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::redis::add_to_linker::<_, Access>(linker, view)?;
    if generation == Generation::P3 {
        spin_v3::bindings::spin::redis::redis::add_to_linker::<_, Access>(linker, view)?;
    }
    Ok(())
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

/// Makes what was opened a resource.
fn keep(view: &mut View<'_, State>, opened: Result<Handle, Error>) -> Result<Resource<Handle>, Error> {
    view.table.push(opened?).map_err(|_| Error::TooManyConnections)
}

/// The connection behind a resource. That it is not there is a fault of the guest, for which it traps.
fn handle(view: &View<'_, State>, resource: &Resource<Handle>) -> wasmtime::Result<Handle> {
    Ok(view.table.get(resource)?.clone())
}

/// Drops a resource.
fn close(view: &mut View<'_, State>, resource: Resource<Handle>) -> wasmtime::Result<()> {
    view.table.delete(resource)?;
    Ok(())
}

/// Parameters and results of one version are those of the next under other names.
macro_rules! translate {
    ($wit:ident) => {
        impl From<$wit::RedisParameter> for crate::redis::answer::Parameter {
            fn from(parameter: $wit::RedisParameter) -> Self {
                match parameter {
                    $wit::RedisParameter::Int64(number) => Self::Int64(number),
                    $wit::RedisParameter::Binary(bytes) => Self::Binary(bytes),
                }
            }
        }

        impl From<crate::redis::answer::Part> for $wit::RedisResult {
            fn from(part: crate::redis::answer::Part) -> Self {
                match part {
                    crate::redis::answer::Part::Nil => Self::Nil,
                    crate::redis::answer::Part::Status(text) => Self::Status(text),
                    crate::redis::answer::Part::Int64(number) => Self::Int64(number),
                    crate::redis::answer::Part::Binary(bytes) => Self::Binary(bytes),
                }
            }
        }
    };
}
use translate;

/// The errors of the versions that say more than that there was one.
macro_rules! translate_errors {
    ($wit:ident) => {
        impl From<crate::redis::Error> for $wit::Error {
            fn from(error: crate::redis::Error) -> Self {
                match error {
                    crate::redis::Error::InvalidAddress => Self::InvalidAddress,
                    crate::redis::Error::TooManyConnections => Self::TooManyConnections,
                    crate::redis::Error::Type => Self::TypeError,
                    other => Self::Other(other.to_string()),
                }
            }
        }
    };
}
use translate_errors;

#[cfg(test)]
mod tests;
