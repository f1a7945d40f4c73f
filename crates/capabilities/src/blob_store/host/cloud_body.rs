//! Streams of `wasmcloud:blobstore`: what a guest reads waits in the store until it is asked for, and of what it writes one chunk at most
//! waits here.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use wasmtime::component::{
    Destination, Lift, Lower, Source, StreamConsumer, StreamProducer, StreamReader, StreamResult, VecBuffer, WriteBuffer,
};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::blob_store::Error;

/// A part of a stream to a guest.
pub(super) trait Part: Send + Sync + 'static {
    type Item: Lower + Lift + Send + Sync + 'static;
    type Buffer: WriteBuffer<Self::Item> + Default;

    fn into_buffer(self) -> Self::Buffer;
}

impl Part for Bytes {
    type Item = u8;
    type Buffer = Self;

    fn into_buffer(self) -> Self {
        self
    }
}

impl Part for Vec<String> {
    type Item = String;
    type Buffer = VecBuffer<String>;

    fn into_buffer(self) -> VecBuffer<String> {
        self.into()
    }
}

/// Hands `parts`, none of which is empty, to the guest of `store`.
///
/// # Errors
/// When the guest has as many streams as it may.
pub(super) fn deliver<P: Part>(
    mut store: impl AsContextMut,
    parts: BoxStream<'static, Result<P, Error>>,
) -> wasmtime::Result<StreamReader<P::Item>> {
    StreamReader::new(&mut store, Delivery(parts))
}

struct Delivery<P>(BoxStream<'static, Result<P, Error>>);

impl<D, P: Part> StreamProducer<D> for Delivery<P> {
    type Item = P::Item;
    type Buffer = P::Buffer;

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
        let part = match self.0.poll_next_unpin(context) {
            // A part that comes later stays where it is for the next read.
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            polled => ready!(polled),
        };
        Poll::Ready(match part {
            Some(Ok(part)) => {
                destination.set_buffer(part.into_buffer());
                Ok(StreamResult::Completed)
            }
            // The interface has no word for a body that breaks off. A guest that took it for the whole would be worse off than one that
            // ends here.
            Some(Err(error)) => Err(wasmtime::Error::new(error).context("a stream of `wasmcloud:blobstore` broke off")),
            None => Ok(StreamResult::Dropped),
        })
    }
}

/// The chunks of what the guest of `store` writes to `body`, each of `chunk_bytes_max` at most. They end where the guest ends its stream.
///
/// # Errors
/// When the stream is not the guest's to give.
pub(super) fn collect(
    mut store: impl AsContextMut,
    body: StreamReader<u8>,
    chunk_bytes_max: usize,
) -> wasmtime::Result<mpsc::Receiver<Bytes>> {
    // The sender has room for one chunk of its own.
    let (chunks, collected) = mpsc::channel(0);
    body.pipe(&mut store, Collector { chunks, chunk_bytes_max })?;
    Ok(collected)
}

struct Collector {
    chunks: mpsc::Sender<Bytes>,
    chunk_bytes_max: usize,
}

impl<D: 'static> StreamConsumer<D> for Collector {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.chunks.poll_ready(context) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
            // Whoever wrote the object has given up.
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Ready(Ok(())) => {}
        }
        let mut source = source.as_direct(store);
        let waiting = source.remaining();
        let chunk = Bytes::copy_from_slice(waiting.get(..self.chunk_bytes_max).unwrap_or(waiting));
        let length = chunk.len();
        if length > 0 {
            source.mark_read(length);
            if self.chunks.start_send(chunk).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use wasmtime::{Config, Engine, Store};

    use super::*;

    /// What of `parts` comes through in chunks of `chunk_bytes_max`, and how the guest would fare.
    async fn carried(parts: Vec<Result<Bytes, Error>>, chunk_bytes_max: usize) -> (Vec<Bytes>, wasmtime::Result<()>) {
        let engine = Engine::new(Config::new().wasm_component_model_async(true)).unwrap();
        let mut store = Store::new(&engine, ());
        let body = deliver(&mut store, stream::iter(parts).boxed()).unwrap();
        let mut chunks = collect(&mut store, body, chunk_bytes_max).unwrap();
        let mut came = Vec::new();
        let end = store.run_concurrent(async |_| {
            while let Some(chunk) = chunks.next().await {
                came.push(chunk);
            }
        });
        let end = end.await;
        (came, end)
    }

    #[tokio::test]
    async fn a_body_comes_in_bounded_chunks() {
        let (came, end) = carried(vec![Ok(Bytes::from_static(b"abcd")), Ok(Bytes::from_static(b"e"))], 3).await;
        end.unwrap();
        assert!(came.iter().all(|chunk| chunk.len() <= 3), "{came:?}");
        assert_eq!(came.concat(), b"abcde");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_the_whole() {
        let (_, end) = carried(vec![Ok(Bytes::from_static(b"ab")), Err(Error::Timeout)], 3).await;
        assert!(format!("{:#}", end.unwrap_err()).contains("broke off: the store did not answer in time"));
    }
}
