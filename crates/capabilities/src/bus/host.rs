//! Both versions of the interface, which differ in whether a guest is told of a link that is not there.

use coracle_engine::InstanceState;
use wasmtime::component::{HasData, Linker, Resource};

use super::Target;

pub(super) mod v1 {
    wasmtime::component::bindgen!({
        path: "src/bus/wit/wasmcloud-bus@1.0.0",
        world: "host",
        imports: { default: trappable },
        with: { "wasmcloud:bus/lattice.call-target-interface": crate::bus::Target },
    });
    pub(in super::super) use wasmcloud::bus::lattice::*;
}

pub(super) mod v2 {
    wasmtime::component::bindgen!({
        path: "src/bus/wit/wasmcloud-bus@2.0.1",
        world: "host",
        imports: { default: trappable },
        with: { "wasmcloud:bus/lattice.call-target-interface": crate::bus::Target },
    });
    pub(in super::super) use wasmcloud::bus::lattice::*;
}

/// The host functions work on the whole instance, because links are kept by the capabilities that have the labels.
struct Access;

impl HasData for Access {
    type Data<'a> = &'a mut InstanceState;
}

/// Adds both versions to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    v1::add_to_linker::<_, Access>(linker, |instance| instance)?;
    v2::add_to_linker::<_, Access>(linker, |instance| instance)
}

/// The interfaces that a guest hands over.
fn taken(instance: &mut InstanceState, targets: Vec<Resource<Target>>) -> wasmtime::Result<Vec<Target>> {
    targets.into_iter().map(|target| Ok(instance.table().delete(target)?)).collect()
}

impl v1::Host for InstanceState {
    fn set_link_name(&mut self, name: String, interfaces: Vec<Resource<Target>>) -> wasmtime::Result<()> {
        let targets = taken(self, interfaces)?;
        super::link_untold(self, &name, &targets);
        Ok(())
    }
}

impl v2::Host for InstanceState {
    fn set_link_name(&mut self, name: String, interfaces: Vec<Resource<Target>>) -> wasmtime::Result<Result<(), String>> {
        let targets = taken(self, interfaces)?;
        Ok(super::link(self, &name, &targets).map_err(|error| error.to_string()))
    }
}

/// Implements the resource of either version.
macro_rules! target {
    ($version:ident) => {
        impl $version::HostCallTargetInterface for InstanceState {
            fn new(&mut self, namespace: String, package: String, interface: String) -> wasmtime::Result<Resource<Target>> {
                Ok(self.table().push(Target::new(&namespace, &package, &interface))?)
            }

            fn drop(&mut self, target: Resource<Target>) -> wasmtime::Result<()> {
                self.table().delete(target)?;
                Ok(())
            }
        }
    };
}

target!(v1);
target!(v2);
