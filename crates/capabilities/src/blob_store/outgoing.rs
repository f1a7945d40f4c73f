//! The body of an object that a guest writes: a bounded pipe between the guest's stream and the store, which is read once the value is
//! given to an object. The object changes when the value is finished, and stays as it was when the value is dropped.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::JoinHandle;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{DynOutputStream, OutputStream, StreamError, StreamResult};

use super::handle::Budget;
use super::{Error, Limits, Writing};
use crate::operations::Operations;

/// A value that is to become an object.
#[derive(Default)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Outgoing {
    pipe: Arc<Pipe>,
    is_opened: bool,
    /// Held from the first sign that there will be bytes.
    transfer: Option<OwnedSemaphorePermit>,
    /// The way to the store.
    upload: Option<JoinHandle<Result<Box<dyn Writing>, Error>>>,
    measured: Arc<Operations>,
}

#[derive(Default)]
struct Pipe {
    flow: Mutex<Flow>,
    room: Notify,
    news: Notify,
}

#[derive(Default)]
struct Flow {
    chunks: VecDeque<Bytes>,
    waiting_bytes: usize,
    sum_bytes: u64,
    bounds: Limits,
    is_addressed: bool,
    is_closed: bool,
    failure: Option<Error>,
}

/// The guest's end of the pipe.
struct Body(Arc<Pipe>);

impl Outgoing {
    /// The stream that fills the value; there is one, as long as the instance may transfer one more object.
    pub(super) fn body(&mut self, budget: &Budget) -> Option<DynOutputStream> {
        if self.is_opened || !self.reserve(budget) {
            return None;
        }
        self.is_opened = true;
        Some(Box::new(Body(Arc::clone(&self.pipe))))
    }

    /// Counts the value as a transfer of the instance; false if there are too many.
    pub(super) fn reserve(&mut self, budget: &Budget) -> bool {
        if self.transfer.is_none() {
            self.transfer = budget.transfer();
        }
        self.transfer.is_some()
    }

    /// Whether the value belongs to no object yet.
    pub(super) fn is_unaddressed(&self) -> bool {
        self.upload.is_none()
    }

    /// Lets the value become the object that `writing` writes; `measured` counts whether it did.
    pub(super) fn address(&mut self, writing: Box<dyn Writing>, limits: &Limits, measured: &Arc<Operations>) {
        self.measured = Arc::clone(measured);
        self.pipe.address(limits.clone());
        self.upload = Some(tokio::spawn(carry(Arc::clone(&self.pipe), writing, limits.operation_time_max)));
    }

    /// Waits until the object is what was written.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        self.pipe.close();
        let Some(upload) = &mut self.upload else { return Err(Error::Misused("give the value to `write-data` before you finish it")) };
        let time_max = self.pipe.flow.lock().bounds.operation_time_max;
        let finishing = async {
            let writing = upload.await.map_err(|error| Error::backend(&error))??;
            tokio::time::timeout(time_max, writing.finish()).await.unwrap_or(Err(Error::Timeout))
        };
        self.measured.measure("finish", finishing).await
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.pipe.fail(Error::Misused("the value was dropped"));
        if let Some(upload) = &self.upload {
            upload.abort();
        }
    }
}

/// Moves what the guest writes to the store until the guest closes its stream.
async fn carry(pipe: Arc<Pipe>, mut writing: Box<dyn Writing>, time_max: std::time::Duration) -> Result<Box<dyn Writing>, Error> {
    loop {
        let moved = match pipe.next().await {
            Ok(None) => return Ok(writing),
            Ok(Some(chunk)) => tokio::time::timeout(time_max, writing.push(chunk)).await.unwrap_or(Err(Error::Timeout)),
            Err(error) => Err(error),
        };
        if let Err(error) = moved {
            pipe.fail(error.clone());
            return Err(error);
        }
    }
}

impl Pipe {
    fn address(&self, bounds: Limits) {
        let mut flow = self.flow.lock();
        flow.bounds = bounds;
        flow.is_addressed = true;
        self.room.notify_one();
    }

    fn close(&self) {
        self.flow.lock().is_closed = true;
        self.news.notify_one();
        self.room.notify_one();
    }

    fn fail(&self, error: Error) {
        self.flow.lock().failure.get_or_insert(error);
        self.news.notify_one();
        self.room.notify_one();
    }

    /// The next chunk; `None` when the guest closed its stream and everything was taken.
    async fn next(&self) -> Result<Option<Bytes>, Error> {
        loop {
            {
                let mut flow = self.flow.lock();
                flow.check()?;
                if let Some(chunk) = flow.chunks.pop_front() {
                    flow.waiting_bytes -= chunk.len();
                    self.room.notify_one();
                    return Ok(Some(chunk));
                }
                if flow.is_closed {
                    return Ok(None);
                }
            }
            self.news.notified().await;
        }
    }
}

impl Flow {
    /// How much the guest may write now.
    fn room(&mut self) -> StreamResult<usize> {
        let buffer_bytes_max = if self.is_addressed { self.bounds.buffer_bytes_max } else { self.bounds.unaddressed_bytes_max };
        let room = buffer_bytes_max.saturating_sub(self.waiting_bytes);
        if room == 0 && !self.is_addressed {
            self.failure.get_or_insert(Error::Unaddressed { bytes_max: buffer_bytes_max });
        }
        match self.check() {
            Err(error) => Err(StreamError::LastOperationFailed(wasmtime::Error::new(error))),
            Ok(()) if self.is_closed => Err(StreamError::Closed),
            Ok(()) => Ok(room),
        }
    }

    /// Whether nothing has failed, and no more was written than an object may have.
    fn check(&mut self) -> Result<(), Error> {
        let bytes_max = self.bounds.object_bytes_max;
        if self.sum_bytes > bytes_max {
            self.failure.get_or_insert(Error::ObjectTooLarge { bytes_max });
        }
        self.failure.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Pollable for Body {
    async fn ready(&mut self) {
        loop {
            if !matches!(self.0.flow.lock().room(), Ok(0)) {
                return;
            }
            self.0.room.notified().await;
        }
    }
}

#[async_trait]
impl OutputStream for Body {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut flow = self.0.flow.lock();
        if bytes.len() > flow.room()? {
            return Err(StreamError::trap("more was written than `check-write` allowed"));
        }
        flow.waiting_bytes += bytes.len();
        flow.sum_bytes = flow.sum_bytes.saturating_add(bytes.len() as u64);
        flow.chunks.push_back(bytes);
        self.0.news.notify_one();
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.0.flow.lock().room().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.flow.lock().room()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.close();
    }
}
