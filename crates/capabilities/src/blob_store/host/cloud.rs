//! `wasmcloud:blobstore@0.1.0` of wasmCloud 2, whose functions are async and whose bodies are streams.

use coracle_engine::{InstanceState, Label, View};
use wasmtime::component::{Accessor, Linker, LinkerInstance, Resource, StreamReader};

use self::bindings::wasmcloud::blobstore::{blobstore, container, types};
use super::cloud_body::{collect, deliver};
use super::{Access, view};
use crate::blob_store::handle::Container;
use crate::blob_store::{Error, State};

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/blob_store/wit/wasmcloud-blobstore@0.1.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "wasmcloud:blobstore/container.container": crate::blob_store::handle::Container },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

/// Adds the functions; `types` has none.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    container::add_to_linker::<_, Access>(linker, view)?;
    blobstore::add_to_linker::<_, Access>(linker, view)
}

/// Adds the functions of an import under `label`.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, label: Label) -> wasmtime::Result<()> {
    blobstore::add_to_linker_instance::<_, Access>(linker, label.view())
}

fn answer<T>(result: Result<T, Error>) -> Answer<T> {
    Ok(result.map_err(Into::into))
}

/// The container that `name` means, which need not be there.
fn named<T: 'static>(guest: &Accessor<T, Access>, name: &str) -> Result<Container, Error> {
    guest.with(|mut access| {
        let view = access.get();
        view.state.container(view.label, name)
    })
}

/// The container behind a resource. That it is not there is a fault of the guest, for which it traps.
fn held<T: 'static>(guest: &Accessor<T, Access>, this: &Resource<Container>) -> wasmtime::Result<Container> {
    guest.with(|mut access| Ok(access.get().table.get(this)?.again()))
}

/// A container as a resource of the guest.
fn hold<T: 'static>(guest: &Accessor<T, Access>, found: Result<Container, Error>) -> Answer<Resource<Container>> {
    match found.and_then(Container::opened) {
        Ok(container) => Ok(Ok(guest.with(|mut access| access.get().table.push(container))?)),
        Err(error) => answer(Err(error)),
    }
}

impl<T: Send + 'static> blobstore::HostWithStore<T> for Access {
    async fn create_container(guest: &Accessor<T, Self>, name: String) -> Answer<Resource<Container>> {
        let created = async {
            let container = named(guest, &name)?;
            container.create().await?;
            Ok(container)
        };
        hold(guest, created.await)
    }

    async fn get_container(guest: &Accessor<T, Self>, name: String) -> Answer<Resource<Container>> {
        let found = async {
            let container = named(guest, &name)?;
            container.created().await?.ok_or(Error::NoContainer(name))?;
            Ok(container)
        };
        hold(guest, found.await)
    }

    async fn delete_container(guest: &Accessor<T, Self>, name: String) -> Answer<()> {
        answer(async { named(guest, &name)?.remove().await }.await)
    }

    async fn container_exists(guest: &Accessor<T, Self>, name: String) -> Answer<bool> {
        answer(async { Ok(named(guest, &name)?.created().await?.is_some()) }.await)
    }

    async fn copy_object(guest: &Accessor<T, Self>, from: types::ObjectId, to: types::ObjectId) -> Answer<()> {
        answer(transfer(guest, from, to, false).await)
    }

    async fn move_object(guest: &Accessor<T, Self>, from: types::ObjectId, to: types::ObjectId) -> Answer<()> {
        answer(transfer(guest, from, to, true).await)
    }
}

async fn transfer<T: 'static>(guest: &Accessor<T, Access>, from: types::ObjectId, to: types::ObjectId, is_move: bool) -> Result<(), Error> {
    let (source, target) = (named(guest, &from.container)?, named(guest, &to.container)?);
    Container::transfer_object((&source, from.object), (&target, to.object), is_move).await
}

impl blobstore::Host for View<'_, State> {}

impl<T: Send + 'static> container::HostContainerWithStore<T> for Access {
    async fn name(guest: &Accessor<T, Self>, this: Resource<Container>) -> Answer<String> {
        Ok(Ok(held(guest, &this)?.name().to_owned()))
    }

    async fn info(guest: &Accessor<T, Self>, this: Resource<Container>) -> Answer<types::ContainerMetadata> {
        let container = held(guest, &this)?;
        let name = container.name().to_owned();
        let created = container.created().await.and_then(|created| created.ok_or_else(|| Error::NoContainer(name.clone())));
        answer(created.map(|created| types::ContainerMetadata { name, created_at: nanoseconds(created) }))
    }

    async fn get_data(
        guest: &Accessor<T, Self>,
        this: Resource<Container>,
        name: String,
        start: u64,
        end: u64,
    ) -> Answer<StreamReader<u8>> {
        match held(guest, &this)?.read(name, start, end).await {
            Ok(incoming) => Ok(Ok(guest.with(|access| deliver(access, incoming.chunks()))?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn write_data(guest: &Accessor<T, Self>, this: Resource<Container>, name: String, data: StreamReader<u8>) -> Answer<()> {
        let container = held(guest, &this)?;
        let chunks = guest.with(|access| collect(access, data, container.limits().buffer_bytes_max))?;
        answer(container.fill(name, chunks).await)
    }

    async fn list_objects(guest: &Accessor<T, Self>, this: Resource<Container>) -> Answer<StreamReader<String>> {
        match held(guest, &this)?.names() {
            Ok(names) => Ok(Ok(guest.with(|access| deliver(access, names.pages()))?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn delete_object(guest: &Accessor<T, Self>, this: Resource<Container>, name: String) -> Answer<()> {
        answer(held(guest, &this)?.delete(vec![name]).await)
    }

    async fn delete_objects(guest: &Accessor<T, Self>, this: Resource<Container>, names: Vec<String>) -> Answer<()> {
        answer(held(guest, &this)?.delete(names).await)
    }

    async fn has_object(guest: &Accessor<T, Self>, this: Resource<Container>, name: String) -> Answer<bool> {
        answer(held(guest, &this)?.stat(name).await.map(|stat| stat.is_some()))
    }

    async fn object_info(guest: &Accessor<T, Self>, this: Resource<Container>, name: String) -> Answer<types::ObjectMetadata> {
        let container = held(guest, &this)?;
        let stat = container.stat(name.clone()).await.and_then(|stat| stat.ok_or_else(|| Error::NoObject(name.clone())));
        answer(stat.map(|stat| types::ObjectMetadata {
            name,
            container: container.name().to_owned(),
            created_at: nanoseconds(stat.created),
            size: stat.bytes,
        }))
    }

    async fn clear(guest: &Accessor<T, Self>, this: Resource<Container>) -> Answer<()> {
        answer(held(guest, &this)?.clear().await)
    }
}

impl container::HostContainer for View<'_, State> {
    async fn drop(&mut self, this: Resource<Container>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl container::Host for View<'_, State> {}

/// This interface counts nanoseconds since 1970.
fn nanoseconds(seconds: u64) -> u64 {
    seconds.saturating_mul(1_000_000_000)
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied | Error::NoLink(_) => Self::AccessDenied,
            Error::NoContainer(_) => Self::NoSuchContainer,
            Error::ContainerExists(_) => Self::ContainerAlreadyExists,
            Error::NoObject(_) => Self::NoSuchObject,
            Error::Timeout => Self::Timeout,
            Error::Busy | Error::Backend { .. } => Self::StoreUnavailable,
            Error::ObjectTooLarge { .. }
            | Error::TooManyOperations { .. }
            | Error::TooManyOpen { .. }
            | Error::TooManyTransfers { .. }
            | Error::Full => Self::QuotaExceeded,
            Error::Name { .. }
            | Error::Range { .. }
            | Error::Occupied(_)
            | Error::PieceTooLarge { .. }
            | Error::Unaddressed { .. }
            | Error::Misused(_) => Self::Other(error.to_string()),
        }
    }
}
