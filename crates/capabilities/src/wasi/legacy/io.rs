//! `wasi:io` of the snapshot: `poll-list` and `poll-one` in the place of `poll` and `block`, errors among the streams, and streams that
//! are given away to be spliced.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, IoError, StreamResult};
use wasmtime_wasi_io::bindings::wasi::io::error::HostError;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host as _, HostPollable};
use wasmtime_wasi_io::bindings::wasi::io::streams::{Host as _, HostInputStream, HostOutputStream, StreamError};

use super::super::link::table as ctx;
use super::{define, define_async, interface, one};

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;

/// What one step of `forward` moves at most.
const FORWARD_BYTES_MAX: u64 = 64 << 10;

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    link_poll(linker)?;
    let mut streams = interface(linker, "io/streams")?;
    streams.resource("error", ResourceType::host::<IoError>(), |mut store, rep| {
        HostError::drop(ctx(store.data_mut()), Resource::new_own(rep))
    })?;
    streams.resource_async("input-stream", ResourceType::host::<DynInputStream>(), |mut store, rep| {
        Box::new(async move { HostInputStream::drop(ctx(store.data_mut()), Resource::new_own(rep)).await })
    })?;
    streams.resource_async("output-stream", ResourceType::host::<DynOutputStream>(), |mut store, rep| {
        Box::new(async move { HostOutputStream::drop(ctx(store.data_mut()), Resource::new_own(rep)).await })
    })?;
    define!(streams,
        "[method]error.to-debug-string"(this: Resource<IoError>) => |instance| {
            HostError::to_debug_string(ctx(instance), this).map(one)
        };
    );
    link_input(linker)?;
    link_output(linker)
}

fn link_poll(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let mut poll = interface(linker, "io/poll")?;
    poll.resource("pollable", ResourceType::host::<DynPollable>(), |mut store, rep| {
        HostPollable::drop(ctx(store.data_mut()), Resource::new_own(rep))
    })?;
    define_async!(poll,
        "poll-list"(pollables: Vec<Resource<DynPollable>>) => |instance| ctx(instance).poll(pollables).await.map(one);
        "poll-one"(pollable: Resource<DynPollable>) => |instance| HostPollable::block(ctx(instance), pollable).await;
    );
    Ok(())
}

fn link_input(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    define!(interface(linker, "io/streams")?,
        "[method]input-stream.read"(this: Input, len: u64) => |instance| {
            let read = HostInputStream::read(ctx(instance), this, len);
            answer(ctx(instance), read)
        };
        "[method]input-stream.skip"(this: Input, len: u64) => |instance| {
            let skipped = HostInputStream::skip(ctx(instance), this, len);
            answer(ctx(instance), skipped)
        };
        "[method]input-stream.subscribe"(this: Input) => |instance| HostInputStream::subscribe(ctx(instance), this).map(one);
    );
    define_async!(interface(linker, "io/streams")?,
        "[method]input-stream.blocking-read"(this: Input, len: u64) => |instance| {
            let read = HostInputStream::blocking_read(ctx(instance), this, len).await;
            answer(ctx(instance), read)
        };
        "[method]input-stream.blocking-skip"(this: Input, len: u64) => |instance| {
            let skipped = HostInputStream::blocking_skip(ctx(instance), this, len).await;
            answer(ctx(instance), skipped)
        };
    );
    Ok(())
}

fn link_output(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    define!(interface(linker, "io/streams")?,
        "[method]output-stream.check-write"(this: Output) => |instance| {
            let permit = HostOutputStream::check_write(ctx(instance), this);
            answer(ctx(instance), permit)
        };
        "[method]output-stream.write"(this: Output, contents: Vec<u8>) => |instance| {
            let written = HostOutputStream::write(ctx(instance), this, contents);
            answer(ctx(instance), written)
        };
        "[method]output-stream.write-zeroes"(this: Output, len: u64) => |instance| {
            let written = HostOutputStream::write_zeroes(ctx(instance), this, len);
            answer(ctx(instance), written)
        };
        "[method]output-stream.flush"(this: Output) => |instance| {
            let flushed = HostOutputStream::flush(ctx(instance), this);
            answer(ctx(instance), flushed)
        };
        "[method]output-stream.subscribe"(this: Output) => |instance| HostOutputStream::subscribe(ctx(instance), this).map(one);
    );
    define_async!(interface(linker, "io/streams")?,
        "[method]output-stream.blocking-write-and-flush"(this: Output, contents: Vec<u8>) => |instance| {
            let written = HostOutputStream::blocking_write_and_flush(ctx(instance), this, contents).await;
            answer(ctx(instance), written)
        };
        "[method]output-stream.blocking-write-zeroes-and-flush"(this: Output, len: u64) => |instance| {
            let written = HostOutputStream::blocking_write_zeroes_and_flush(ctx(instance), this, len).await;
            answer(ctx(instance), written)
        };
        "[method]output-stream.blocking-flush"(this: Output) => |instance| {
            let flushed = HostOutputStream::blocking_flush(ctx(instance), this).await;
            answer(ctx(instance), flushed)
        };
        "[method]output-stream.splice"(this: Output, source: Input, len: u64) => |instance| {
            let moved = HostOutputStream::splice(ctx(instance), this, lent(&source), len);
            HostInputStream::drop(ctx(instance), source).await?;
            answer(ctx(instance), moved)
        };
        "[method]output-stream.blocking-splice"(this: Output, source: Input, len: u64) => |instance| {
            let moved = HostOutputStream::blocking_splice(ctx(instance), this, lent(&source), len).await;
            HostInputStream::drop(ctx(instance), source).await?;
            answer(ctx(instance), moved)
        };
        "[method]output-stream.forward"(this: Output, source: Input) => |instance| {
            let moved = forward(ctx(instance), &this, &source).await;
            HostInputStream::drop(ctx(instance), source).await?;
            answer(ctx(instance), moved)
        };
    );
    Ok(())
}

/// Moves everything that is left in `source`.
async fn forward(table: &mut ResourceTable, to: &Output, source: &Input) -> StreamResult<u64> {
    let mut total = 0_u64;
    loop {
        match HostOutputStream::blocking_splice(table, lent(to), lent(source), FORWARD_BYTES_MAX).await {
            Ok(moved) => total = total.saturating_add(moved),
            Err(wasmtime_wasi::p2::StreamError::Closed) => return Ok(total),
            Err(error) => return Err(error),
        }
    }
}

/// The same resource once more, for a call that does not keep it.
fn lent<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

fn answer<T>(table: &mut ResourceTable, result: StreamResult<T>) -> wasmtime::Result<(Result<T, StreamError>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(table.convert_stream_error(error)?),)),
    }
}
