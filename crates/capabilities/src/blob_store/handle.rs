//! A container as one instance sees it: with names and bounds checked, and failures told to the operator.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::instrument;

use super::grant::Granted;
use super::incoming::Incoming;
use super::name::check_object;
use super::outgoing::Outgoing;
use super::{Error, Limits, Object, Stat, Store};
use crate::operations::Operations;

/// The operations, as spans and metrics name them. Reading is counted until the first byte may come, and writing when it begins; `finish`
/// is the rest of the latter.
pub(super) const OPERATIONS: &[&str] = &[
    "create_container",
    "container_info",
    "delete_container",
    "get_data",
    "write_data",
    "finish",
    "list_objects",
    "delete_objects",
    "object_info",
    "clear",
    "copy_object",
    "move_object",
];

/// A container, which was there when it was opened.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Container {
    granted: Arc<Granted>,
    budget: Arc<Budget>,
    name: String,
    within: String,
    /// Whether it was opened under a label, and so stays where it is whatever link is chosen.
    is_fixed: bool,
    _open: Option<OwnedSemaphorePermit>,
}

/// The names in a container, page by page.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Names {
    container: Container,
    after: Option<String>,
    is_at_end: bool,
    _open: OwnedSemaphorePermit,
}

/// What an instance has used up: operations of this invocation, and what it has open. The default allows nothing.
#[derive(Debug)]
pub(super) struct Budget {
    operations: AtomicU32,
    open: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
    pub(super) measured: Arc<Operations>,
}

impl Default for Budget {
    fn default() -> Self {
        let nothing = || Arc::new(Semaphore::new(0));
        Self { operations: AtomicU32::new(u32::MAX), open: nothing(), transfers: nothing(), measured: Arc::default() }
    }
}

impl Budget {
    pub(super) fn new(limits: &Limits, measured: Arc<Operations>) -> Self {
        let open = usize::try_from(limits.open_max).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            operations: AtomicU32::new(0),
            open: Arc::new(Semaphore::new(open)),
            transfers: Arc::new(Semaphore::new(limits.transfers_max)),
            measured,
        }
    }

    /// The right to read or write one more object at once.
    pub(super) fn transfer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.transfers).try_acquire_owned().ok()
    }

    /// Counts the operations of another invocation.
    pub(super) fn renew(&self) {
        self.operations.store(0, Relaxed);
    }
}

impl Container {
    pub(super) fn new(granted: Arc<Granted>, budget: Arc<Budget>, name: String, within: String) -> Self {
        Self { granted, budget, name, within, is_fixed: false, _open: None }
    }

    /// The name by which the guest knows it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A container that a call goes on with while the instance does other things.
    pub(super) fn again(&self) -> Self {
        let again = Self::new(Arc::clone(&self.granted), Arc::clone(&self.budget), self.name.clone(), self.within.clone());
        Self { is_fixed: self.is_fixed, ..again }
    }

    /// The container, which follows no link.
    pub(super) fn fixed(self) -> Self {
        Self { is_fixed: true, ..self }
    }

    /// Whether it follows no link.
    pub(super) fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// The container as one that the guest holds.
    pub(super) fn opened(mut self) -> Result<Self, Error> {
        self._open = Some(self.open()?);
        Ok(self)
    }

    #[instrument(name = "wasi_blobstore.create_container", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn create(&self) -> Result<(), Error> {
        let store = self.enter(1)?;
        self.measure("create_container", self.within_time(store.create(&self.within))).await
    }

    /// When it was made, in seconds since 1970; `None` if it is not there.
    #[instrument(name = "wasi_blobstore.container_info", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn created(&self) -> Result<Option<u64>, Error> {
        let store = self.enter(1)?;
        self.measure("container_info", self.within_time(store.created(&self.within))).await
    }

    #[instrument(name = "wasi_blobstore.delete_container", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn remove(&self) -> Result<(), Error> {
        let store = self.enter(1)?;
        self.told(self.measure("delete_container", store.remove(&self.within)).await)
    }

    #[instrument(name = "wasi_blobstore.get_data", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn read(&self, name: String, first: u64, last: u64) -> Result<Incoming, Error> {
        if last < first {
            return Err(Error::Range { first, last });
        }
        let object = self.object(name)?;
        let store = self.enter(1)?;
        let transfer = self.transfer()?;
        let reading = self.measure("get_data", self.within_time(store.read(&object, first, last))).await?;
        Ok(Incoming::new(reading, self.limits(), transfer))
    }

    /// Lets `value` become the object `name`.
    #[instrument(name = "wasi_blobstore.write_data", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn write(&self, name: String, value: &mut Outgoing) -> Result<(), Error> {
        if !value.is_unaddressed() {
            return Err(Error::Misused("the value was given to an object before; make another value"));
        }
        let object = self.object(name)?;
        let store = self.enter(1)?;
        if !value.reserve(&self.budget) {
            return Err(Error::TooManyTransfers { transfers_max: self.limits().transfers_max });
        }
        let writing = self.measure("write_data", self.within_time(store.write(&object))).await?;
        value.address(writing, self.limits(), &self.budget.measured);
        Ok(())
    }

    /// Makes what comes in `chunks` the object `name`. The time that the guest takes over a chunk does not count.
    #[instrument(name = "wasi_blobstore.write_data", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn fill(&self, name: String, chunks: impl Stream<Item = Bytes> + Unpin + Send) -> Result<(), Error> {
        let object = self.object(name)?;
        let store = self.enter(1)?;
        let _transfer = self.transfer()?;
        let mut writing = self.within_time(store.write(&object)).await?;
        let (mut chunks, mut bytes, bytes_max) = (chunks, 0_u64, self.limits().object_bytes_max);
        while let Some(chunk) = chunks.next().await {
            bytes = bytes.saturating_add(chunk.len() as u64);
            if bytes > bytes_max {
                return Err(Error::ObjectTooLarge { bytes_max });
            }
            self.within_time(writing.push(chunk)).await?;
        }
        self.within_time(writing.finish()).await
    }

    /// Begins a listing.
    pub(super) fn names(&self) -> Result<Names, Error> {
        self.enter(1)?;
        Ok(Names { container: self.again(), after: None, is_at_end: false, _open: self.open()? })
    }

    #[instrument(name = "wasi_blobstore.delete_objects", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn delete(&self, names: Vec<String>) -> Result<(), Error> {
        names.iter().try_for_each(|name| check_object(name))?;
        let store = self.enter(names.len())?;
        self.told(self.measure("delete_objects", store.delete(&self.within, &names)).await)
    }

    #[instrument(name = "wasi_blobstore.object_info", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn stat(&self, name: String) -> Result<Option<Stat>, Error> {
        let object = self.object(name)?;
        let store = self.enter(1)?;
        self.measure("object_info", self.within_time(store.stat(&object))).await
    }

    /// Removes every object that is there when it is met.
    #[instrument(name = "wasi_blobstore.clear", skip_all, fields(otel.kind = "client", blobstore.label = self.granted.label))]
    pub(super) async fn clear(&self) -> Result<(), Error> {
        let store = self.enter(1)?;
        self.measure("clear", self.empty(store)).await
    }

    async fn empty(&self, store: &dyn Store) -> Result<(), Error> {
        let mut after = None;
        loop {
            let names = self.within_time(store.list(&self.within, after.as_deref(), self.limits().page_names_max)).await?;
            if names.is_empty() {
                return Ok(());
            }
            self.told(store.delete(&self.within, &names).await)?;
            after = names.into_iter().next_back();
        }
    }

    /// Makes `to` what `from` is; with `is_move`, `from` is no more.
    #[instrument(name = "wasi_blobstore.copy_object", skip_all, fields(otel.kind = "client", blobstore.label = from.0.granted.label))]
    pub(super) async fn transfer_object(from: (&Self, String), to: (&Self, String), is_move: bool) -> Result<(), Error> {
        let (source, store) = (from.0, from.0.enter(1)?);
        let (from, object) = (source.object(from.1)?, to.0.object(to.1)?);
        let moving = source.move_or_copy(store, from, (to.0, object), is_move);
        source.measure(if is_move { "move_object" } else { "copy_object" }, moving).await
    }

    async fn move_or_copy(&self, store: &dyn Store, from: Object, (target, to): (&Self, Object), is_move: bool) -> Result<(), Error> {
        if !Arc::ptr_eq(&self.granted, &target.granted) {
            let _transfer = self.transfer()?;
            self.carry(&from, target, &to).await?;
        } else if from == to {
            // A copy over itself changes nothing, and removing it afterwards would lose it.
            let found = self.within_time(store.stat(&from)).await?;
            return found.map(drop).ok_or(Error::NoObject(from.name));
        } else if is_move {
            return self.told(store.rename(&from, &to).await);
        } else {
            return self.told(store.copy(&from, &to).await);
        }
        if is_move { self.told(store.delete(&from.container, &[from.name]).await) } else { Ok(()) }
    }

    /// Copies an object to another store, through this process.
    async fn carry(&self, from: &Object, target: &Self, to: &Object) -> Result<(), Error> {
        let reading = self.within_time(self.granted.store.read(from, 0, u64::MAX)).await?;
        let bytes_max = target.limits().object_bytes_max;
        if reading.bytes > bytes_max {
            return Err(Error::ObjectTooLarge { bytes_max });
        }
        let mut writing = target.within_time(target.granted.store.write(to)).await?;
        let mut chunks = reading.chunks;
        while let Some(chunk) = self.within_time(async { chunks.next().await.transpose() }).await? {
            target.within_time(writing.push(chunk)).await?;
        }
        target.within_time(writing.finish()).await
    }

    fn object(&self, name: String) -> Result<Object, Error> {
        check_object(&name)?;
        Ok(Object { container: self.within.clone(), name })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.granted.limits
    }

    /// Counts `operations` more.
    fn enter(&self, operations: usize) -> Result<&dyn Store, Error> {
        let operations_max = self.limits().operations_max;
        let more = u32::try_from(operations).unwrap_or(u32::MAX);
        let counted = |made: u32| made.checked_add(more).filter(|made| *made <= operations_max);
        let counted = self.budget.operations.fetch_update(Relaxed, Relaxed, counted);
        counted.map(|_| self.granted.store.as_ref()).map_err(|_| Error::TooManyOperations { operations_max })
    }

    fn open(&self) -> Result<OwnedSemaphorePermit, Error> {
        let open_max = self.limits().open_max;
        Arc::clone(&self.budget.open).try_acquire_owned().map_err(|_| Error::TooManyOpen { open_max })
    }

    fn transfer(&self) -> Result<OwnedSemaphorePermit, Error> {
        let transfers_max = self.limits().transfers_max;
        self.budget.transfer().ok_or(Error::TooManyTransfers { transfers_max })
    }

    /// Waits for an operation and counts it.
    async fn measure<T>(&self, operation: &'static str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.budget.measured.measure(operation, work).await
    }

    async fn within_time<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.told(tokio::time::timeout(self.limits().operation_time_max, operation).await.unwrap_or(Err(Error::Timeout)))
    }

    /// Tells the operator of a failure that the guest gets only the kind of.
    fn told<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error @ (Error::Backend { .. } | Error::Full | Error::Busy | Error::Timeout)) = &result {
            let cause = if let Error::Backend { internal, .. } = error { internal } else { "" };
            tracing::warn!(label = self.granted.label, place = self.granted.place, cause, "blob store failed: {error}");
        }
        result
    }
}

impl Names {
    /// Up to `names_max` further names, and whether there are no more.
    #[instrument(name = "wasi_blobstore.list_objects", skip_all, fields(otel.kind = "client", blobstore.label = self.container.granted.label))]
    pub(super) async fn next(&mut self, names_max: u64) -> Result<(Vec<String>, bool), Error> {
        let page_names_max = self.container.limits().page_names_max;
        let names_max = usize::try_from(names_max).unwrap_or(page_names_max).min(page_names_max);
        if self.is_at_end || names_max == 0 {
            return Ok((Vec::new(), self.is_at_end));
        }
        let store = self.container.enter(1)?;
        // One more than asked for tells whether there are more.
        let page = store.list(&self.container.within, self.after.as_deref(), names_max.saturating_add(1));
        let mut names = self.container.measure("list_objects", self.container.within_time(page)).await?;
        self.is_at_end = names.len() <= names_max;
        names.truncate(names_max);
        self.after = names.last().cloned().or(self.after.take());
        Ok((names, self.is_at_end))
    }

    /// All names, page by page as they are asked for. After an error there is no more.
    pub(super) fn pages(self) -> BoxStream<'static, Result<Vec<String>, Error>> {
        let next = |names: Option<Self>| async move {
            let mut names = names?;
            match names.next(u64::MAX).await {
                Ok((page, _)) if page.is_empty() => None,
                Ok((page, _)) => Some((Ok(page), Some(names))),
                Err(error) => Some((Err(error), None)),
            }
        };
        stream::unfold(Some(self), next).boxed()
    }

    /// Passes over up to `names` names; says how many there were, and whether there are no more.
    pub(super) async fn skip(&mut self, names: u64) -> Result<(u64, bool), Error> {
        let mut skipped: u64 = 0;
        while skipped < names && !self.is_at_end {
            let (passed, _) = self.next(names.saturating_sub(skipped)).await?;
            skipped = skipped.saturating_add(passed.len() as u64);
        }
        Ok((skipped, self.is_at_end))
    }
}
