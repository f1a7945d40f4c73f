//! Rows on their way to a guest: a stream of them, and a future that says how it ended. What comes from the server waits there until the
//! guest reads.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::oneshot;
use wasmtime::component::{Destination, FutureReader, Lift, Lower, StreamProducer, StreamReader, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

/// The ends that the guest reads: the rows, and how they ended.
type Delivered<Row, Error> = (StreamReader<Row>, FutureReader<Result<(), Error>>);

/// Hands `rows` to the guest of `store`.
///
/// # Errors
/// When the guest has as many streams as it may.
pub(crate) fn deliver<Row, Error>(
    mut store: impl AsContextMut,
    rows: BoxStream<'static, Result<Row, Error>>,
) -> wasmtime::Result<Delivered<Row, Error>>
where
    Row: Lower + Lift + Send + Sync + 'static,
    Error: Lower + Lift + Send + Sync + 'static,
{
    let (finished, end) = oneshot::channel();
    let stream = StreamReader::new(&mut store, Delivery { rows: Some(rows), finished: Some(finished) })?;
    // A guest that drops the stream early has not met an error.
    let end = async move { wasmtime::error::Ok(end.await.unwrap_or(Ok(()))) };
    Ok((stream, FutureReader::new(&mut store, end)?))
}

/// Dropping it stops the statement.
struct Delivery<Row, Error> {
    rows: Option<BoxStream<'static, Result<Row, Error>>>,
    finished: Option<oneshot::Sender<Result<(), Error>>>,
}

impl<Row, Error> Delivery<Row, Error> {
    fn finish(&mut self, result: Result<(), Error>) -> StreamResult {
        self.rows = None;
        if let Some(finished) = self.finished.take() {
            // The guest may have dropped the future.
            let _ = finished.send(result);
        }
        StreamResult::Dropped
    }
}

impl<D, Row: Lower + Lift + Send + Sync + 'static, Error: Send + 'static> StreamProducer<D> for Delivery<Row, Error> {
    type Item = Row;
    type Buffer = Option<Row>;

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
        let Some(rows) = &mut self.rows else { return Poll::Ready(Ok(StreamResult::Dropped)) };
        let row = match rows.poll_next_unpin(context) {
            // A row that comes later stays where it is for the next read.
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        Poll::Ready(Ok(match row {
            Some(Ok(row)) => {
                destination.set_buffer(Some(row));
                StreamResult::Completed
            }
            Some(Err(error)) => self.finish(Err(error)),
            None => self.finish(Ok(())),
        }))
    }
}
