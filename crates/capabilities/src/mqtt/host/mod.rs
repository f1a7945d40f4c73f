//! What guests import: one file for each version of the interface, each a thin translation to [`Connection`].

mod spin_v2;
mod spin_v3;

use coracle_engine::{Generation, InstanceState, View};
use rumqttc::mqttbytes::QoS;
use wasmtime::component::{HasData, Linker, Resource};

use super::connection::{Asked, Connection, Opener};
use super::{Error, State};
use crate::egress::Calls;

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    spin_v2::bindings::fermyon::spin::mqtt::add_to_linker::<_, Access>(linker, view)?;
    if generation == Generation::P3 {
        spin_v3::bindings::spin::mqtt::mqtt::add_to_linker::<_, Access>(linker, view)?;
    }
    Ok(())
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    let calls = Calls::of(instance);
    let view = instance.view::<State>();
    view.state.calls = calls;
    view
}

/// A connection as a resource of the guest.
fn hold(view: &mut View<'_, State>, connection: Connection) -> Result<Resource<Connection>, Error> {
    view.table.push(connection).map_err(|_| Error::TooManyConnections)
}
