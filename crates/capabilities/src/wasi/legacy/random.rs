//! `wasi:random` of the snapshot: the same types as today.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::super::link::random as ctx;
use super::{define, interface, one};

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    define!(interface(linker, "random/random")?,
        "get-random-bytes"(len: u64) => |instance| random::Host::get_random_bytes(ctx(instance), len).map(one);
        "get-random-u64"() => |instance| random::Host::get_random_u64(ctx(instance)).map(one);
    );
    define!(interface(linker, "random/insecure")?,
        "get-insecure-random-bytes"(len: u64) => |instance| insecure::Host::get_insecure_random_bytes(ctx(instance), len).map(one);
        "get-insecure-random-u64"() => |instance| insecure::Host::get_insecure_random_u64(ctx(instance)).map(one);
    );
    define!(interface(linker, "random/insecure-seed")?,
        "insecure-seed"() => |instance| insecure_seed::Host::insecure_seed(ctx(instance)).map(one);
    );
    Ok(())
}
