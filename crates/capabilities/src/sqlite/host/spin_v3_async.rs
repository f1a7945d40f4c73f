//! `spin:sqlite/sqlite@3.1.0`: 3.0 with an async twin of each function, and rows as a stream.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use coracle_engine::View;
use tokio::sync::{mpsc, oneshot};
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult};

use self::bindings::spin::sqlite::sqlite as wit;
use super::{Access, begin, close, handle, keep, open, translate};
use crate::sqlite::grant::Handle;
use crate::sqlite::{Error, Row, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/sqlite/wit/spin-sqlite@3.1.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "spin:sqlite/sqlite.connection": crate::sqlite::grant::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;
type Finished = Result<(), wit::Error>;
type Streamed = (Vec<String>, StreamReader<wit::RowResult>, FutureReader<Finished>);

translate!(wit);

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, database: String) -> Answer<Resource<Handle>> {
        Ok(open(self, &database).await?.map_err(Into::into))
    }

    async fn execute(&mut self, connection: Resource<Handle>, statement: String, parameters: Vec<wit::Value>) -> Answer<wit::QueryResult> {
        let table = handle(self, &connection)?.execute(statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(table.map(Into::into).map_err(Into::into))
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Handle>) -> wasmtime::Result<i64> {
        Ok(handle(self, &connection)?.last_insert_rowid())
    }

    async fn changes(&mut self, connection: Resource<Handle>) -> wasmtime::Result<u64> {
        Ok(handle(self, &connection)?.changes())
    }

    async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for Access {
    async fn open_async(guest: &Accessor<T, Self>, database: String) -> Answer<Resource<Handle>> {
        let opening = match guest.with(|mut access| begin(&mut access.get(), &database)) {
            Ok(opening) => opening,
            Err(error) => return Ok(Err(error.into())),
        };
        let opened = opening.finish().await;
        Ok(guest.with(|mut access| keep(&mut access.get(), opened))?.map_err(Into::into))
    }

    async fn execute_async(
        guest: &Accessor<T, Self>,
        connection: Resource<Handle>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Answer<Streamed> {
        let handle = the(guest, &connection)?;
        let rows = match handle.query(statement, parameters.into_iter().map(Into::into).collect()).await {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error.into())),
        };
        guest.with(|mut access| {
            let (finished, end) = oneshot::channel();
            let stream = Stream { rows: rows.rows, _running: rows.running, finished: Some(finished) };
            let stream = StreamReader::new(&mut access, stream)?;
            // A guest that drops the stream early has not met an error.
            let end = async move { wasmtime::error::Ok(end.await.unwrap_or(Ok(()))) };
            Ok(Ok((rows.columns, stream, FutureReader::new(&mut access, end)?)))
        })
    }

    async fn last_insert_rowid_async(guest: &Accessor<T, Self>, connection: Resource<Handle>) -> wasmtime::Result<i64> {
        Ok(the(guest, &connection)?.last_insert_rowid())
    }

    async fn changes_async(guest: &Accessor<T, Self>, connection: Resource<Handle>) -> wasmtime::Result<u64> {
        Ok(the(guest, &connection)?.changes())
    }
}

impl wit::Host for View<'_, State> {}

fn the<T: 'static>(guest: &Accessor<T, Access>, connection: &Resource<Handle>) -> wasmtime::Result<Handle> {
    guest.with(|mut access| handle(&access.get(), connection))
}

/// Rows on their way to the guest. Dropping it stops the statement.
struct Stream {
    rows: mpsc::Receiver<Result<Row, Error>>,
    _running: Box<dyn Any + Send>,
    finished: Option<oneshot::Sender<Finished>>,
}

impl Stream {
    fn finish(&mut self, result: Finished) -> StreamResult {
        self.rows.close();
        if let Some(finished) = self.finished.take() {
            // The guest may have dropped the future.
            let _ = finished.send(result);
        }
        StreamResult::Dropped
    }
}

impl<D> StreamProducer<D> for Stream {
    type Item = wit::RowResult;
    type Buffer = Option<wit::RowResult>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A read of nothing asks whether there is something; the next read finds out.
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let row = match self.rows.poll_recv(context) {
            // A row that comes later stays in the channel for the next read.
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        Poll::Ready(Ok(match row {
            Some(Ok(row)) => {
                destination.set_buffer(Some(row.into()));
                StreamResult::Completed
            }
            Some(Err(error)) => self.finish(Err(error.into())),
            None => self.finish(Ok(())),
        }))
    }
}
