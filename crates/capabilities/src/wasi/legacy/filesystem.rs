//! `wasi:filesystem` of the snapshot. Permission bits and locks, which were dropped later and which no host offered, answer
//! `unsupported`.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DirectoryEntryStream, ErrorCode, Host as _, HostDescriptor, HostDirectoryEntryStream,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsResult, IoError};

use super::super::link::filesystem as ctx;
use super::{define, define_async, interface, one};

type Fd = Resource<Descriptor>;
type Unsupported = (Result<(), ErrorCode>,);

wasmtime::component::flags!(
    Modes {
        #[component(name = "readable")]
        const READABLE;
        #[component(name = "writable")]
        const WRITABLE;
        #[component(name = "executable")]
        const EXECUTABLE;
    }
);

#[derive(ComponentType, Lift)]
#[component(variant)]
#[expect(dead_code, reason = "its type is part of a signature; no host looks at the value")]
enum AccessType {
    #[component(name = "access")]
    Access(Modes),
    #[component(name = "exists")]
    Exists,
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let mut types = interface(linker, "filesystem/types")?;
    types.resource("descriptor", ResourceType::host::<Descriptor>(), |mut store, rep| {
        HostDescriptor::drop(&mut ctx(store.data_mut()), Resource::new_own(rep))
    })?;
    types.resource("directory-entry-stream", ResourceType::host::<DirectoryEntryStream>(), |mut store, rep| {
        HostDirectoryEntryStream::drop(&mut ctx(store.data_mut()), Resource::new_own(rep))
    })?;
    link_streams(interface(linker, "filesystem/types")?)?;
    link_descriptor(interface(linker, "filesystem/types")?)?;
    link_paths(interface(linker, "filesystem/types")?)?;
    link_unsupported(interface(linker, "filesystem/types")?)?;
    define!(interface(linker, "filesystem/preopens")?,
        "get-directories"() => |instance| preopens::Host::get_directories(&mut ctx(instance)).map(one);
    );
    Ok(())
}

fn link_streams(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define!(types,
        "[method]descriptor.read-via-stream"(fd: Fd, offset: u64) => |instance| {
            let stream = ctx(instance).read_via_stream(fd, offset);
            answer(instance, stream)
        };
        "[method]descriptor.write-via-stream"(fd: Fd, offset: u64) => |instance| {
            let stream = ctx(instance).write_via_stream(fd, offset);
            answer(instance, stream)
        };
        "[method]descriptor.append-via-stream"(fd: Fd) => |instance| {
            let stream = ctx(instance).append_via_stream(fd);
            answer(instance, stream)
        };
        "filesystem-error-code"(error: Resource<IoError>) => |instance| ctx(instance).filesystem_error_code(error).map(one);
    );
    Ok(())
}

fn link_descriptor(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define_async!(types,
        "[method]descriptor.advise"(fd: Fd, offset: u64, length: u64, advice: Advice) => |instance| {
            let done = ctx(instance).advise(fd, offset, length, advice).await;
            answer(instance, done)
        };
        "[method]descriptor.sync-data"(fd: Fd) => |instance| {
            let done = ctx(instance).sync_data(fd).await;
            answer(instance, done)
        };
        "[method]descriptor.sync"(fd: Fd) => |instance| {
            let done = ctx(instance).sync(fd).await;
            answer(instance, done)
        };
        "[method]descriptor.get-flags"(fd: Fd) => |instance| {
            let flags = ctx(instance).get_flags(fd).await;
            answer(instance, flags)
        };
        "[method]descriptor.get-type"(fd: Fd) => |instance| {
            let kind = ctx(instance).get_type(fd).await;
            answer(instance, kind)
        };
        "[method]descriptor.set-size"(fd: Fd, size: u64) => |instance| {
            let done = ctx(instance).set_size(fd, size).await;
            answer(instance, done)
        };
        "[method]descriptor.set-times"(fd: Fd, access: NewTimestamp, modification: NewTimestamp) => |instance| {
            let done = ctx(instance).set_times(fd, access, modification).await;
            answer(instance, done)
        };
        "[method]descriptor.read"(fd: Fd, length: u64, offset: u64) => |instance| {
            let read = ctx(instance).read(fd, length, offset).await;
            answer(instance, read)
        };
        "[method]descriptor.write"(fd: Fd, buffer: Vec<u8>, offset: u64) => |instance| {
            let written = ctx(instance).write(fd, buffer, offset).await;
            answer(instance, written)
        };
        "[method]descriptor.read-directory"(fd: Fd) => |instance| {
            let entries = ctx(instance).read_directory(fd).await;
            answer(instance, entries)
        };
        "[method]directory-entry-stream.read-directory-entry"(entries: Resource<DirectoryEntryStream>) => |instance| {
            let entry = ctx(instance).read_directory_entry(entries).await;
            answer(instance, entry)
        };
        "[method]descriptor.stat"(fd: Fd) => |instance| {
            let stat = ctx(instance).stat(fd).await;
            answer(instance, stat)
        };
        "[method]descriptor.is-same-object"(fd: Fd, other: Fd) => |instance| ctx(instance).is_same_object(fd, other).await.map(one);
        "[method]descriptor.metadata-hash"(fd: Fd) => |instance| {
            let hash = ctx(instance).metadata_hash(fd).await;
            answer(instance, hash)
        };
    );
    Ok(())
}

fn link_paths(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define_async!(types,
        "[method]descriptor.create-directory-at"(fd: Fd, path: String) => |instance| {
            let done = ctx(instance).create_directory_at(fd, path).await;
            answer(instance, done)
        };
        "[method]descriptor.stat-at"(fd: Fd, flags: PathFlags, path: String) => |instance| {
            let stat = ctx(instance).stat_at(fd, flags, path).await;
            answer(instance, stat)
        };
        "[method]descriptor.set-times-at"(fd: Fd, flags: PathFlags, path: String, access: NewTimestamp, modification: NewTimestamp) => |instance| {
            let done = ctx(instance).set_times_at(fd, flags, path, access, modification).await;
            answer(instance, done)
        };
        "[method]descriptor.link-at"(fd: Fd, flags: PathFlags, old: String, new_fd: Fd, new: String) => |instance| {
            let done = ctx(instance).link_at(fd, flags, old, new_fd, new).await;
            answer(instance, done)
        };
        "[method]descriptor.open-at"(fd: Fd, at: PathFlags, path: String, how: OpenFlags, flags: DescriptorFlags, _modes: Modes) => |instance| {
            let opened = ctx(instance).open_at(fd, at, path, how, flags).await;
            answer(instance, opened)
        };
        "[method]descriptor.readlink-at"(fd: Fd, path: String) => |instance| {
            let target = ctx(instance).readlink_at(fd, path).await;
            answer(instance, target)
        };
        "[method]descriptor.remove-directory-at"(fd: Fd, path: String) => |instance| {
            let done = ctx(instance).remove_directory_at(fd, path).await;
            answer(instance, done)
        };
        "[method]descriptor.rename-at"(fd: Fd, old: String, new_fd: Fd, new: String) => |instance| {
            let done = ctx(instance).rename_at(fd, old, new_fd, new).await;
            answer(instance, done)
        };
        "[method]descriptor.symlink-at"(fd: Fd, target: String, path: String) => |instance| {
            let done = ctx(instance).symlink_at(fd, target, path).await;
            answer(instance, done)
        };
        "[method]descriptor.unlink-file-at"(fd: Fd, path: String) => |instance| {
            let done = ctx(instance).unlink_file_at(fd, path).await;
            answer(instance, done)
        };
        "[method]descriptor.metadata-hash-at"(fd: Fd, flags: PathFlags, path: String) => |instance| {
            let hash = ctx(instance).metadata_hash_at(fd, flags, path).await;
            answer(instance, hash)
        };
    );
    Ok(())
}

fn link_unsupported(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define!(types,
        "[method]descriptor.access-at"(_fd: Fd, _flags: PathFlags, _path: String, _access: AccessType) => |_instance| unsupported();
        "[method]descriptor.change-file-permissions-at"(_fd: Fd, _flags: PathFlags, _path: String, _modes: Modes) => |_instance| unsupported();
        "[method]descriptor.change-directory-permissions-at"(_fd: Fd, _at: PathFlags, _path: String, _modes: Modes) => |_instance| unsupported();
        "[method]descriptor.lock-shared"(_fd: Fd) => |_instance| unsupported();
        "[method]descriptor.lock-exclusive"(_fd: Fd) => |_instance| unsupported();
        "[method]descriptor.try-lock-shared"(_fd: Fd) => |_instance| unsupported();
        "[method]descriptor.try-lock-exclusive"(_fd: Fd) => |_instance| unsupported();
        "[method]descriptor.unlock"(_fd: Fd) => |_instance| unsupported();
    );
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the linker wants a result of every host function")]
fn unsupported() -> wasmtime::Result<Unsupported> {
    Ok((Err(ErrorCode::Unsupported),))
}

fn answer<T>(instance: &mut InstanceState, result: FsResult<T>) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(ctx(instance).convert_error_code(error)?),)),
    }
}
