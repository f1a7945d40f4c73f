//! `spin:postgres/postgres@4.2.0`: 4.1 with an async twin of each function, and rows as a stream.

use coracle_engine::View;
use futures::{StreamExt as _, TryStreamExt as _};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use self::bindings::spin::postgres::postgres as wit;
use super::spin_v4::version_4;
use super::{Access, Builder, begin, close, handle, keep, open};
use crate::postgres::client::Roots;
use crate::postgres::handle::Handle;
use crate::postgres::{Row, Rows, State};
use crate::row_stream::deliver;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/spin-postgres@4.2.0",
        world: "host",
        imports: { default: async | trappable },
        with: {
            "spin:postgres/postgres.connection": crate::postgres::handle::Handle,
            "spin:postgres/postgres.connection-builder": crate::postgres::host::Builder,
        },
        require_store_data_send: true,
    });
}

type Streamed = (Vec<wit::Column>, StreamReader<Vec<wit::DbValue>>, FutureReader<Result<(), wit::Error>>);

version_4!(wit);

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for Access {
    async fn open_async(guest: &Accessor<T, Self>, address: String) -> Answer<Resource<Handle>> {
        open_async(guest, &address, None).await
    }

    async fn query_async(
        guest: &Accessor<T, Self>,
        connection: Resource<Handle>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Answer<Streamed> {
        let handle = the(guest, &connection)?;
        let Rows { columns, rows } = match handle.stream(&statement, parameters.into_iter().map(Into::into).collect()).await {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error.into())),
        };
        let translated = |row: Row| row.into_iter().map(Into::into).collect::<Vec<wit::DbValue>>();
        let rows = rows.map_ok(translated).map_err(Into::into).boxed();
        let (stream, end) = guest.with(|access| deliver(access, rows))?;
        Ok(Ok((columns.into_iter().map(Into::into).collect(), stream, end)))
    }

    async fn execute_async(
        guest: &Accessor<T, Self>,
        connection: Resource<Handle>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Answer<u64> {
        let changed = the(guest, &connection)?.execute(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(changed.map_err(Into::into))
    }
}

impl<T: Send + 'static> wit::HostConnectionBuilderWithStore<T> for Access {
    async fn build_async(guest: &Accessor<T, Self>, builder: Resource<Builder>) -> Answer<Resource<Handle>> {
        let described = guest.with(|mut access| {
            let Builder { address, roots } = access.get().table.get(&builder)?;
            wasmtime::error::Ok((address.clone(), roots.clone()))
        });
        let (address, roots) = described?;
        open_async(guest, &address, roots).await
    }
}

async fn open_async<T: 'static>(guest: &Accessor<T, Access>, address: &str, roots: Option<Roots>) -> Answer<Resource<Handle>> {
    let opening = match guest.with(|mut access| begin(&mut access.get(), address, roots)) {
        Ok(opening) => opening,
        Err(error) => return Ok(Err(error.into())),
    };
    let opened = opening.finish().await;
    Ok(guest.with(|mut access| keep(&mut access.get(), opened))?.map_err(Into::into))
}

fn the<T: 'static>(guest: &Accessor<T, Access>, connection: &Resource<Handle>) -> wasmtime::Result<Handle> {
    guest.with(|mut access| handle(&access.get(), connection))
}
