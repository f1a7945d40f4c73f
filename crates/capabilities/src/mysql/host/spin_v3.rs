//! `spin:mysql/mysql@3.0.0`, whose functions are async and whose rows are a stream.

use coracle_engine::View;
use futures::{StreamExt as _, TryStreamExt as _};
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use self::bindings::spin::mysql::mysql as wit;
use super::{Access, close, errors, handle, keep, values};
use crate::mysql::handle::Handle;
use crate::mysql::{Row, Rows, State};
use crate::row_stream::deliver;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/mysql/wit/spin-mysql@3.0.0",
        world: "host",
        imports: { default: trappable },
        with: { "spin:mysql/mysql.connection": crate::mysql::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;
type Streamed = (Vec<wit::Column>, StreamReader<Vec<wit::DbValue>>, FutureReader<Result<(), wit::Error>>);

errors!(wit::Error, Other);
values!(wit);

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for Access {
    async fn open(guest: &Accessor<T, Self>, address: String) -> Answer<Resource<Handle>> {
        let opening = match guest.with(|mut access| access.get().state.begin_open(&address)) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error.into())),
        };
        let opened = opening.finish().await;
        Ok(guest.with(|mut access| keep(&mut access.get(), opened))?.map_err(Into::into))
    }

    async fn query(
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
        let kinds: Vec<_> = columns.iter().map(|column| column.kind).collect();
        let rows = rows.map_ok(move |row: Row| row_of(&kinds, row)).map_err(Into::into).boxed();
        let (stream, end) = guest.with(|access| deliver(access, rows))?;
        Ok(Ok((columns.into_iter().map(Into::into).collect(), stream, end)))
    }

    async fn execute(
        guest: &Accessor<T, Self>,
        connection: Resource<Handle>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Answer<()> {
        let done = the(guest, &connection)?.execute(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(done.map_err(Into::into))
    }
}

impl wit::HostConnection for View<'_, State> {
    fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}

fn the<T: 'static>(guest: &Accessor<T, Access>, connection: &Resource<Handle>) -> wasmtime::Result<Handle> {
    guest.with(|mut access| handle(&access.get(), connection))
}
