//! `spin:key-value/key-value@3.0.0`, whose functions are async and whose keys are a stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use coracle_engine::View;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult, VecBuffer};

use self::bindings::spin::key_value::key_value as wit;
use super::{Access, close, handle, open};
use crate::key_value::handle::Handle;
use crate::key_value::{Cursor, Error, Page, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/key_value/wit/spin-key-value@3.0.0",
        world: "host",
        imports: { default: trappable },
        with: { "spin:key-value/key-value.store": crate::key_value::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;
type Finished = Result<(), wit::Error>;

impl<T: Send + 'static> wit::HostStoreWithStore<T> for Access {
    async fn open(guest: &Accessor<T, Self>, label: String) -> Answer<Resource<Handle>> {
        Ok(guest.with(|mut access| open(&mut access.get(), &label)).map_err(Into::into))
    }

    async fn get(guest: &Accessor<T, Self>, store: Resource<Handle>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(the(guest, &store)?.get(&key).await.map_err(Into::into))
    }

    async fn set(guest: &Accessor<T, Self>, store: Resource<Handle>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(the(guest, &store)?.set(&key, value).await.map_err(Into::into))
    }

    async fn delete(guest: &Accessor<T, Self>, store: Resource<Handle>, key: String) -> Answer<()> {
        Ok(the(guest, &store)?.delete(&key).await.map_err(Into::into))
    }

    async fn exists(guest: &Accessor<T, Self>, store: Resource<Handle>, key: String) -> Answer<bool> {
        Ok(the(guest, &store)?.exists(&key).await.map_err(Into::into))
    }

    async fn get_keys(
        guest: &Accessor<T, Self>,
        store: Resource<Handle>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Finished>)> {
        let handle = the(guest, &store)?;
        guest.with(|mut access| {
            let (finished, end) = oneshot::channel();
            let keys = StreamReader::new(&mut access, Keys::new(handle, finished))?;
            // A guest that drops the stream early has not met an error.
            let end = async move { wasmtime::error::Ok(end.await.unwrap_or(Ok(()))) };
            Ok((keys, FutureReader::new(&mut access, end)?))
        })
    }
}

impl wit::HostStore for View<'_, State> {
    fn drop(&mut self, store: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, store)
    }
}

impl wit::Host for View<'_, State> {}

fn the<T: 'static>(guest: &Accessor<T, Access>, store: &Resource<Handle>) -> wasmtime::Result<Handle> {
    guest.with(|mut access| handle(&access.get(), store))
}

/// The keys of a store, a page at a time: the next page is read when the guest has taken the last one.
struct Keys {
    handle: Handle,
    page: Option<PageFuture>,
    finished: Option<oneshot::Sender<Finished>>,
}

type PageFuture = Pin<Box<dyn Future<Output = Result<Page, Error>> + Send>>;

impl Keys {
    fn new(handle: Handle, finished: oneshot::Sender<Finished>) -> Self {
        let mut keys = Self { handle, page: None, finished: Some(finished) };
        keys.turn(None);
        keys
    }

    fn turn(&mut self, from: Option<Cursor>) {
        let handle = self.handle.clone();
        self.page = Some(Box::pin(async move { handle.page("", from.as_ref()).await }));
    }

    fn finish(&mut self, result: Finished) -> StreamResult {
        self.page = None;
        if let Some(finished) = self.finished.take() {
            // The guest may have dropped the future.
            let _ = finished.send(result);
        }
        StreamResult::Dropped
    }
}

impl<D> StreamProducer<D> for Keys {
    type Item = String;
    type Buffer = VecBuffer<String>;

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
        loop {
            let Some(page) = &mut self.page else { return Poll::Ready(Ok(StreamResult::Dropped)) };
            match page.as_mut().poll(context) {
                // The page stays asked for, and the next read gets it.
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Ok(self.finish(Err(error.into())))),
                Poll::Ready(Ok(Page { keys, next })) => {
                    let last = next.is_none();
                    next.into_iter().for_each(|cursor| self.turn(Some(cursor)));
                    let empty = keys.is_empty();
                    destination.set_buffer(keys.into());
                    if last {
                        return Poll::Ready(Ok(self.finish(Ok(()))));
                    }
                    if !empty {
                        return Poll::Ready(Ok(StreamResult::Completed));
                    }
                }
            }
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::TableFull => Self::StoreTableFull,
            Error::AccessDenied => Self::AccessDenied,
            other => Self::Other(other.to_string()),
        }
    }
}
