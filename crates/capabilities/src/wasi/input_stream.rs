//! Reading from `input-stream` of `wasi:io` 0.2. What was read goes into the guest's memory as it is: wasmtime's own functions copy it into
//! a list of their own before, which for a large body is a fourth of all that reading it takes.

use bytes::Bytes;
use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::{DynInputStream, StreamResult};
use wasmtime_wasi_io::bindings::wasi::io::streams::{Host as _, StreamError};

type Store<'a> = StoreContextMut<'a, InstanceState>;

/// What a guest asks with: the stream, and how many bytes it wants at most.
type Asked = (Resource<DynInputStream>, u64);

/// Puts these functions in the place of wasmtime's.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut streams = linker.instance("wasi:io/streams@0.2.12")?;
    streams.func_wrap("[method]input-stream.read", |mut store: Store<'_>, (stream, count): Asked| {
        let table = store.data_mut().table();
        let read = table.get_mut(&stream)?.read(bound(count));
        Ok((answer(table, read)?,))
    })?;
    streams.func_wrap_async("[method]input-stream.blocking-read", |mut store: Store<'_>, (stream, count): Asked| {
        Box::new(async move {
            let table = store.data_mut().table();
            let read = table.get_mut(&stream)?.blocking_read(bound(count)).await;
            Ok((answer(table, read)?,))
        })
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

fn bound(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What the guest is told: an error becomes a resource of its own, or ends the guest.
fn answer(table: &mut ResourceTable, read: StreamResult<Bytes>) -> wasmtime::Result<Result<Bytes, StreamError>> {
    match read {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error) => Ok(Err(table.convert_stream_error(error)?)),
    }
}
