//! `wasi:blobstore@0.2.0-draft`: a thin translation to [`Container`], [`Outgoing`] and [`Incoming`].

use coracle_engine::{InstanceState, Label, View};
use wasmtime::component::{Linker, LinkerInstance, Resource};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use self::bindings::wasi::blobstore::{blobstore, container, types};
use super::{Access, view};
use crate::blob_store::handle::{Container, Names};
use crate::blob_store::incoming::Incoming;
use crate::blob_store::outgoing::Outgoing;
use crate::blob_store::{Error, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/blob_store/wit/wasi-blobstore@0.2.0-draft",
        world: "host",
        imports: { default: async | trappable },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "wasi:blobstore/types.outgoing-value": crate::blob_store::outgoing::Outgoing,
            "wasi:blobstore/types.incoming-value": crate::blob_store::incoming::Incoming,
            "wasi:blobstore/container.container": crate::blob_store::handle::Container,
            "wasi:blobstore/container.stream-object-names": crate::blob_store::handle::Names,
        },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, String>>;

/// Adds the interfaces to `linker`.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Access>(linker, view)?;
    container::add_to_linker::<_, Access>(linker, view)?;
    blobstore::add_to_linker::<_, Access>(linker, view)
}

/// Adds the functions of an import under `label`.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, label: Label) -> wasmtime::Result<()> {
    blobstore::add_to_linker_instance::<_, Access>(linker, label.view())
}

/// Answers in the interface's own words, where every error is a text.
fn answer<T>(result: Result<T, Error>) -> Answer<T> {
    Ok(result.map_err(|error| error.to_string()))
}

/// A container as a resource of the guest.
fn hold(view: &mut View<'_, State>, container: Container) -> Answer<Resource<Container>> {
    match container.opened() {
        Ok(container) => Ok(Ok(view.table.push(container)?)),
        Err(error) => answer(Err(error)),
    }
}

/// The container that a resource means now, which is where the link leads.
fn meant(view: &View<'_, State>, this: &Resource<Container>) -> wasmtime::Result<Result<Container, Error>> {
    Ok(view.state.meant(view.table.get(this)?))
}

impl blobstore::Host for View<'_, State> {
    async fn create_container(&mut self, name: String) -> Answer<Resource<Container>> {
        let created = async {
            let container = self.state.linked_container(self.label, &name)?;
            container.create().await?;
            Ok(container)
        };
        match created.await {
            Ok(container) => hold(self, container),
            Err(error) => answer(Err(error)),
        }
    }

    async fn get_container(&mut self, name: String) -> Answer<Resource<Container>> {
        let found = async {
            let container = self.state.linked_container(self.label, &name)?;
            container.created().await?.ok_or(Error::NoContainer(name))?;
            Ok(container)
        };
        match found.await {
            Ok(container) => hold(self, container),
            Err(error) => answer(Err(error)),
        }
    }

    async fn delete_container(&mut self, name: String) -> Answer<()> {
        match self.state.linked_container(self.label, &name) {
            Ok(container) => answer(container.remove().await),
            Err(error) => answer(Err(error)),
        }
    }

    async fn container_exists(&mut self, name: String) -> Answer<bool> {
        match self.state.linked_container(self.label, &name) {
            Ok(container) => answer(container.created().await.map(|created| created.is_some())),
            Err(error) => answer(Err(error)),
        }
    }

    async fn copy_object(&mut self, from: types::ObjectId, to: types::ObjectId) -> Answer<()> {
        answer(transfer(ends(self, &from, &to), (from.object, to.object), false).await)
    }

    async fn move_object(&mut self, from: types::ObjectId, to: types::ObjectId) -> Answer<()> {
        answer(transfer(ends(self, &from, &to), (from.object, to.object), true).await)
    }
}

/// The containers of two objects.
fn ends(view: &View<'_, State>, from: &types::ObjectId, to: &types::ObjectId) -> Result<(Container, Container), Error> {
    let named = |name: &str| view.state.linked_container(view.label, name);
    Ok((named(&from.container)?, named(&to.container)?))
}

async fn transfer(ends: Result<(Container, Container), Error>, (from, to): (String, String), is_move: bool) -> Result<(), Error> {
    let (source, target) = ends?;
    Container::transfer_object((&source, from), (&target, to), is_move).await
}

impl container::HostContainer for View<'_, State> {
    async fn name(&mut self, this: Resource<Container>) -> Answer<String> {
        Ok(Ok(self.table.get(&this)?.name().to_owned()))
    }

    async fn info(&mut self, this: Resource<Container>) -> Answer<container::ContainerMetadata> {
        let container = meant(self, &this)?;
        let info = async {
            let container = container?;
            let name = container.name().to_owned();
            let created_at = container.created().await?.ok_or_else(|| Error::NoContainer(name.clone()))?;
            Ok(container::ContainerMetadata { name, created_at })
        };
        answer(info.await)
    }

    async fn get_data(&mut self, this: Resource<Container>, name: String, start: u64, end: u64) -> Answer<Resource<Incoming>> {
        let container = meant(self, &this)?;
        match async { container?.read(name, start, end).await }.await {
            Ok(incoming) => Ok(Ok(self.table.push(incoming)?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn write_data(&mut self, this: Resource<Container>, name: String, data: Resource<Outgoing>) -> Answer<()> {
        match meant(self, &this)? {
            Ok(container) => answer(container.write(name, self.table.get_mut(&data)?).await),
            Err(error) => answer(Err(error)),
        }
    }

    async fn list_objects(&mut self, this: Resource<Container>) -> Answer<Resource<Names>> {
        match meant(self, &this)?.and_then(|container| container.names()) {
            Ok(names) => Ok(Ok(self.table.push(names)?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn delete_object(&mut self, this: Resource<Container>, name: String) -> Answer<()> {
        let container = meant(self, &this)?;
        answer(async { container?.delete(vec![name]).await }.await)
    }

    async fn delete_objects(&mut self, this: Resource<Container>, names: Vec<String>) -> Answer<()> {
        let container = meant(self, &this)?;
        answer(async { container?.delete(names).await }.await)
    }

    async fn has_object(&mut self, this: Resource<Container>, name: String) -> Answer<bool> {
        let container = meant(self, &this)?;
        answer(async { container?.stat(name).await.map(|stat| stat.is_some()) }.await)
    }

    async fn object_info(&mut self, this: Resource<Container>, name: String) -> Answer<container::ObjectMetadata> {
        let container = meant(self, &this)?;
        let info = async {
            let container = container?;
            let stat = container.stat(name.clone()).await?.ok_or_else(|| Error::NoObject(name.clone()))?;
            let container = container.name().to_owned();
            Ok(container::ObjectMetadata { name, container, created_at: stat.created, size: stat.bytes })
        };
        answer(info.await)
    }

    async fn clear(&mut self, this: Resource<Container>) -> Answer<()> {
        let container = meant(self, &this)?;
        answer(async { container?.clear().await }.await)
    }

    async fn drop(&mut self, this: Resource<Container>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl container::HostStreamObjectNames for View<'_, State> {
    async fn read_stream_object_names(&mut self, this: Resource<Names>, len: u64) -> Answer<(Vec<String>, bool)> {
        answer(self.table.get_mut(&this)?.next(len).await)
    }

    async fn skip_stream_object_names(&mut self, this: Resource<Names>, num: u64) -> Answer<(u64, bool)> {
        answer(self.table.get_mut(&this)?.skip(num).await)
    }

    async fn drop(&mut self, this: Resource<Names>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl container::Host for View<'_, State> {}

impl types::HostOutgoingValue for View<'_, State> {
    async fn new_outgoing_value(&mut self) -> wasmtime::Result<Resource<Outgoing>> {
        Ok(self.table.push(Outgoing::default())?)
    }

    async fn outgoing_value_write_body(&mut self, this: Resource<Outgoing>) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        match self.table.get_mut(&this)?.body(&self.state.budget) {
            Some(body) => Ok(Ok(self.table.push(body)?)),
            None => Ok(Err(())),
        }
    }

    async fn finish(&mut self, this: Resource<Outgoing>) -> Answer<()> {
        answer(self.table.delete(this)?.finish().await)
    }

    async fn drop(&mut self, this: Resource<Outgoing>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl types::HostIncomingValue for View<'_, State> {
    async fn incoming_value_consume_sync(&mut self, this: Resource<Incoming>) -> Answer<Vec<u8>> {
        answer(self.table.delete(this)?.piece().await)
    }

    async fn incoming_value_consume_async(&mut self, this: Resource<Incoming>) -> Answer<Resource<DynInputStream>> {
        let stream: DynInputStream = self.table.delete(this)?.stream();
        Ok(Ok(self.table.push(stream)?))
    }

    async fn size(&mut self, this: Resource<Incoming>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&this)?.bytes())
    }

    async fn drop(&mut self, this: Resource<Incoming>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl types::Host for View<'_, State> {}
