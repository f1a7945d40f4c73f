//! The snapshot `0.2.0-rc-2023-10-18` of WASI, which guests of late 2023 import, on the host functions of 0.2. What has the same type
//! in both is only defined again under the old name, with the same host types, so that no value is translated. The later snapshot
//! `-2023-11-10` has no functions of its own here: its names are brought up to date when a component is loaded.

use coracle_engine::InstanceState;
use wasmtime::component::{Linker, LinkerInstance};

mod cli;
mod clocks;
mod filesystem;
mod io;
mod random;
mod sockets;

/// The version of the snapshot.
pub(super) const VERSION: &str = "0.2.0-rc-2023-10-18";

/// Defines one function for each line, in the interface `$interface`. `$instance` stands for the state of the instance that calls, and
/// the body gives the list of results.
macro_rules! define {
    ($interface:expr, $($name:literal($($argument:ident: $type:ty),*) => |$instance:ident| $body:expr;)*) => {{
        let mut interface = $interface;
        $(interface.func_wrap($name, |mut store: StoreContextMut<'_, InstanceState>, ($($argument,)*): ($($type,)*)| {
            let $instance = store.data_mut();
            $body
        })?;)*
    }};
}

/// The same for functions that wait.
macro_rules! define_async {
    ($interface:expr, $($name:literal($($argument:ident: $type:ty),*) => |$instance:ident| $body:expr;)*) => {{
        let mut interface = $interface;
        $(interface.func_wrap_async($name, |mut store: StoreContextMut<'_, InstanceState>, ($($argument,)*): ($($type,)*)| {
            Box::new(async move {
                let $instance = store.data_mut();
                $body
            })
        })?;)*
    }};
}

use {define, define_async};

/// Links every interface of the snapshot.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    io::link(linker)?;
    clocks::link(linker)?;
    random::link(linker)?;
    cli::link(linker)?;
    filesystem::link(linker)?;
    sockets::link(linker)
}

/// The interface `name` (such as `io/poll`) of the snapshot.
fn interface<'a>(linker: &'a mut Linker<InstanceState>, name: &str) -> wasmtime::Result<LinkerInstance<'a, InstanceState>> {
    linker.instance(&format!("wasi:{name}@{VERSION}"))
}

/// A single result, as the linker wants it.
fn one<T>(result: T) -> (T,) {
    (result,)
}
