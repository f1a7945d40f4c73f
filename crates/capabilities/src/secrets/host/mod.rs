//! What guests import: one file for each version, each a thin translation. A secret is a resource that holds its value from the moment
//! at which it was asked for.

mod v1;
mod v2;

use coracle_engine::{Generation, InstanceState, Label, View};
use wasmtime::component::{HasData, Linker, LinkerInstance, Resource};

use super::{Error, State};
use crate::resolver::Secret;

/// The host functions' view of an instance.
struct Access;

/// A secret that a guest holds.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Held(Secret);

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    v1::link(linker)?;
    if generation == Generation::P3 {
        v2::link(linker)?;
    }
    Ok(())
}

/// Adds the functions of an import of `secret`, whose label is the secret's name.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, label: Label) -> wasmtime::Result<()> {
    v2::link_labelled(linker, label)
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

/// Gives the guest what was found.
fn hold(view: &mut View<'_, State>, found: Result<Secret, Error>) -> Result<Resource<Held>, Error> {
    let secret = found?;
    view.state.hold()?;
    view.table.push(Held(secret)).map_err(|_| {
        view.state.release();
        Error::TooManyHeld
    })
}

/// What the guest holds, in the clear.
#[tracing::instrument(name = "wasmcloud_secrets.reveal", skip_all)]
fn reveal(view: &View<'_, State>, secret: &Resource<Held>) -> wasmtime::Result<String> {
    Ok(view.table.get(secret)?.0.expose().to_owned())
}

/// Drops a secret.
fn release(view: &mut View<'_, State>, secret: Resource<Held>) -> wasmtime::Result<()> {
    view.table.delete(secret)?;
    view.state.release();
    Ok(())
}

/// The error of a version, whose cases have one name in all of them.
macro_rules! errors {
    ($error:path) => {
        impl From<crate::secrets::Error> for $error {
            fn from(error: crate::secrets::Error) -> Self {
                use crate::secrets::Error;
                match error {
                    Error::NotFound => Self::NotFound,
                    Error::Provider => Self::Upstream(error.to_string()),
                    Error::TooLong | Error::TooManyHeld | Error::TooManyGets => Self::Io(error.to_string()),
                }
            }
        }
    };
}
use errors;
