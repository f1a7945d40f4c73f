//! A store as one instance sees it: the same for every interface, with the bounds checked and failures told to the operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use tracing::instrument;

use super::grant::Granted;
use super::{Cursor, Error, Limits, Page, Store, Swap, Terms};
use crate::operations::Operations;

/// An open store. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Handle {
    granted: Arc<Granted>,
    budget: Arc<Budget>,
    /// Whether each interface's link says which store this is.
    is_of_a_link: bool,
}

/// The operations, as spans and metrics name them.
pub(super) const OPERATIONS: &[&str] =
    &["get", "set", "delete", "exists", "get_keys", "increment", "swap", "get_many", "set_many", "delete_many"];

/// What an instance has used up, over all of its handles: operations of this invocation, and bytes that it holds.
#[derive(Debug, Default)]
pub(super) struct Budget {
    operations: AtomicU32,
    remembered_bytes: AtomicUsize,
    metrics: Arc<Operations>,
}

/// A compare-and-swap that was begun: the key, and the value that it must still have.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Cas {
    handle: Handle,
    key: String,
    remembered: Option<Vec<u8>>,
}

impl Budget {
    /// The budget of an instance whose operations count in `metrics`.
    pub(super) fn new(metrics: Arc<Operations>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// Counts the operations of another invocation.
    pub(super) fn renew(&self) {
        self.operations.store(0, Relaxed);
    }
}

impl Handle {
    pub(super) fn new(granted: Arc<Granted>, budget: Arc<Budget>) -> Self {
        Self { granted, budget, is_of_a_link: false }
    }

    /// The same as one that links decide on.
    pub(super) fn of_a_link(self) -> Self {
        Self { is_of_a_link: true, ..self }
    }

    pub(super) fn is_of_a_link(&self) -> bool {
        self.is_of_a_link
    }

    /// The same of another store.
    pub(super) fn at(&self, granted: &Arc<Granted>) -> Self {
        Self { granted: Arc::clone(granted), ..self.clone() }
    }

    /// Cursors that were handed out as numbers.
    pub(super) fn granted(&self) -> &Granted {
        &self.granted
    }

    #[instrument(name = "spin_key_value.get", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let store = self.enter([key])?;
        let value = self.run("get", store.get(key)).await?;
        let bytes_max = self.limits().result_bytes_max;
        if value.as_ref().is_some_and(|value| value.len() > bytes_max) { Err(Error::ResultTooLarge { bytes_max }) } else { Ok(value) }
    }

    #[instrument(name = "spin_key_value.set", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        let store = self.enter([key])?;
        self.check_value(&value)?;
        self.run("set", store.set(key, value)).await
    }

    /// Sets `value` on `terms`, and tells whether it was.
    #[instrument(name = "spin_key_value.set", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error> {
        let store = self.enter([key])?;
        self.check_value(&value)?;
        self.run("set", store.set_on(terms, key, value)).await
    }

    #[instrument(name = "spin_key_value.delete", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn delete(&self, key: &str) -> Result<(), Error> {
        let store = self.enter([key])?;
        self.run("delete", store.delete(key)).await
    }

    #[instrument(name = "spin_key_value.exists", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn exists(&self, key: &str) -> Result<bool, Error> {
        let store = self.enter([key])?;
        self.run("exists", store.exists(key)).await
    }

    /// One page of the keys that begin with `prefix`.
    #[instrument(name = "spin_key_value.get_keys", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn page(&self, prefix: &str, from: Option<&Cursor>) -> Result<Page, Error> {
        let store = self.enter([prefix])?;
        let page = self.run("get_keys", store.keys(prefix, from, self.limits().page_keys_max)).await?;
        let bytes_max = self.limits().result_bytes_max;
        let bytes: usize = page.keys.iter().map(String::len).sum();
        if bytes > bytes_max { Err(Error::ResultTooLarge { bytes_max }) } else { Ok(page) }
    }

    /// All keys, for interfaces that cannot ask for a part of them.
    pub(super) async fn all_keys(&self) -> Result<Vec<String>, Error> {
        let bytes_max = self.limits().result_bytes_max;
        let (mut keys, mut bytes, mut from) = (Vec::new(), 0_usize, None);
        loop {
            let page = self.page("", from.as_ref()).await?;
            bytes += page.keys.iter().map(|key| key.len() + size_of::<String>()).sum::<usize>();
            if bytes > bytes_max {
                return Err(Error::ResultTooLarge { bytes_max });
            }
            keys.extend(page.keys);
            from = page.next;
            if from.is_none() {
                return Ok(keys);
            }
        }
    }

    #[instrument(name = "spin_key_value.increment", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let store = self.enter([key])?;
        self.run("increment", store.increment(key, delta)).await
    }

    #[instrument(name = "spin_key_value.get_many", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn get_many(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let store = self.enter(keys.iter().map(String::as_str))?;
        self.run("get_many", store.get_many(keys, self.limits().result_bytes_max)).await
    }

    #[instrument(name = "spin_key_value.set_many", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let store = self.enter(pairs.iter().map(|(key, _)| key.as_str()))?;
        pairs.iter().try_for_each(|(_, value)| self.check_value(value))?;
        self.run("set_many", store.set_many(pairs)).await
    }

    #[instrument(name = "spin_key_value.delete_many", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        let store = self.enter(keys.iter().map(String::as_str))?;
        self.run("delete_many", store.delete_many(keys)).await
    }

    #[instrument(name = "spin_key_value.swap", skip_all, fields(otel.kind = "client", db.system.name = "spin_key_value", db.namespace = self.granted.label))]
    pub(super) async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
        let store = self.enter([key])?;
        self.check_value(&value)?;
        self.run("swap", store.swap(key, expected, value)).await
    }

    /// Begins a compare-and-swap with the value that `key` has now.
    pub(super) async fn cas(&self, key: String) -> Result<Cas, Error> {
        let mut cas = Cas { handle: self.clone(), key, remembered: None };
        cas.current().await?;
        Ok(cas)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.granted.limits
    }

    /// Counts an operation on each of `keys` and checks them.
    fn enter<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<&dyn Store, Error> {
        let bytes_max = self.limits().key_bytes_max;
        for key in keys {
            self.count()?;
            if key.len() > bytes_max {
                return Err(Error::KeyTooLong { bytes: key.len(), bytes_max });
            }
        }
        Ok(self.granted.store.as_ref())
    }

    fn count(&self) -> Result<(), Error> {
        let operations_max = self.limits().operations_max;
        let one_more = |operations: u32| operations.checked_add(1).filter(|operations| *operations <= operations_max);
        let counted = self.budget.operations.fetch_update(Relaxed, Relaxed, one_more);
        counted.map(drop).map_err(|_| Error::TooManyOperations { operations_max })
    }

    fn check_value(&self, value: &[u8]) -> Result<(), Error> {
        let bytes_max = self.limits().value_bytes_max;
        if value.len() > bytes_max { Err(Error::ValueTooLarge { bytes: value.len(), bytes_max }) } else { Ok(()) }
    }

    /// Waits for an operation of the store, counts it, and tells the operator of a failure that the guest gets only the kind of.
    async fn run<T>(&self, operation: &'static str, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let result = self.budget.metrics.measure(operation, work).await;
        if let Err(error @ (Error::Backend { .. } | Error::Full)) = &result {
            let cause = if let Error::Backend { internal, .. } = error { internal } else { "" };
            tracing::warn!(label = self.granted.label, place = self.granted.place, cause, "key-value store failed: {error}");
        }
        result
    }
}

impl Cas {
    /// The value of the key, which the swap will expect from now on.
    pub(super) async fn current(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let value = self.handle.get(&self.key).await?;
        self.remember(None)?;
        self.remember(value.clone())?;
        Ok(value)
    }

    /// Swaps, or begins again with the value that was there instead.
    pub(super) async fn swap(mut self, value: Vec<u8>) -> Result<Result<(), Self>, Error> {
        match self.handle.swap(&self.key, self.remembered.as_deref(), value).await? {
            Swap::Done => Ok(Ok(())),
            Swap::Stale => {
                self.current().await?;
                Ok(Err(self))
            }
        }
    }

    /// Keeps `value`, as long as all that the instance keeps stays within its bound.
    fn remember(&mut self, value: Option<Vec<u8>>) -> Result<(), Error> {
        let (bytes, bytes_max) = (value.as_ref().map_or(0, Vec::len), self.handle.limits().result_bytes_max);
        self.handle.budget.remembered_bytes.fetch_sub(self.remembered.take().map_or(0, |old| old.len()), Relaxed);
        if self.handle.budget.remembered_bytes.fetch_add(bytes, Relaxed).saturating_add(bytes) > bytes_max {
            self.handle.budget.remembered_bytes.fetch_sub(bytes, Relaxed);
            return Err(Error::ResultTooLarge { bytes_max });
        }
        self.remembered = value;
        Ok(())
    }
}

impl Drop for Cas {
    fn drop(&mut self) {
        self.handle.budget.remembered_bytes.fetch_sub(self.remembered.as_ref().map_or(0, Vec::len), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::super::memory::Memory;
    use super::*;

    const FAILURE: Error = Error::Backend { public: "the storage failed", internal: String::new() };

    /// A store whose call number `fails_at` fails.
    struct Failing {
        store: Memory,
        calls: Mutex<u32>,
        fails_at: u32,
    }

    impl Failing {
        fn call(&self) -> Result<&Memory, Error> {
            let mut calls = self.calls.lock();
            *calls += 1;
            if *calls == self.fails_at { Err(FAILURE) } else { Ok(&self.store) }
        }
    }

    #[async_trait::async_trait]
    impl Store for Failing {
        async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
            self.call()?.get(key).await
        }
        async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), Error> {
            self.call()?.set(key, value).await
        }
        async fn set_on(&self, terms: Terms, key: &str, value: Vec<u8>) -> Result<Swap, Error> {
            self.call()?.set_on(terms, key, value).await
        }
        async fn delete(&self, key: &str) -> Result<(), Error> {
            self.call()?.delete(key).await
        }
        async fn exists(&self, key: &str) -> Result<bool, Error> {
            self.call()?.exists(key).await
        }
        async fn keys(&self, prefix: &str, from: Option<&Cursor>, keys_max: usize) -> Result<Page, Error> {
            self.call()?.keys(prefix, from, keys_max).await
        }
        async fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
            self.call()?.increment(key, delta).await
        }
        async fn swap(&self, key: &str, expected: Option<&[u8]>, value: Vec<u8>) -> Result<Swap, Error> {
            self.call()?.swap(key, expected, value).await
        }
        async fn get_many(&self, keys: Vec<String>, bytes_max: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
            self.call()?.get_many(keys, bytes_max).await
        }
        async fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
            self.call()?.set_many(pairs).await
        }
        async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
            self.call()?.delete_many(keys).await
        }
    }

    fn handle(store: impl Store + 'static, limits: Limits) -> Handle {
        let granted = Granted::new("default".to_owned(), "test".to_owned(), Arc::new(store), limits);
        Handle::new(Arc::new(granted), Arc::default())
    }

    /// Each kind of operation once; counts what the guest was told of as done.
    async fn each_operation(handle: &Handle) -> Result<(), Error> {
        let key = || "k".to_owned();
        handle.set("k", vec![1]).await?;
        handle.set_on(Terms::default(), "k", vec![1]).await?;
        handle.get("k").await?;
        handle.exists("k").await?;
        handle.all_keys().await?;
        handle.increment("n", 1).await?;
        handle.set_many(vec![(key(), vec![2])]).await?;
        handle.get_many(vec![key()]).await?;
        let begun = handle.cas(key()).await?;
        handle.set("k", vec![3]).await?;
        let again = begun.swap(vec![4]).await?.expect_err("the value was changed in between");
        again.swap(vec![5]).await?.map_err(|_| FAILURE)?;
        handle.delete_many(vec![key()]).await?;
        handle.delete("n").await
    }

    #[tokio::test]
    async fn a_store_that_fails_on_any_call_is_told_and_works_again() {
        const CALLS: u32 = 15;
        for fails_at in 1..=CALLS {
            let handle = handle(Failing { store: Memory::default(), calls: Mutex::new(0), fails_at }, Limits::default());
            assert_eq!(each_operation(&handle).await, Err(FAILURE), "call {fails_at}");
            assert_eq!(each_operation(&handle).await, Ok(()), "after call {fails_at}");
            assert_eq!(handle.budget.remembered_bytes.load(Relaxed), 0, "after call {fails_at}");
        }
        let handle = handle(Failing { store: Memory::default(), calls: Mutex::new(0), fails_at: CALLS + 1 }, Limits::default());
        assert_eq!(each_operation(&handle).await, Ok(()), "there are {CALLS} calls");
    }

    #[tokio::test]
    async fn keys_values_and_answers_are_bounded() {
        let limits = Limits { key_bytes_max: 4, value_bytes_max: 8, result_bytes_max: 100, ..Limits::default() };
        let handle = handle(Memory::default(), limits);
        let long = "12345";
        let too_long = Error::KeyTooLong { bytes: 5, bytes_max: 4 };
        handle.set("1234", vec![0; 8]).await.unwrap();
        assert_eq!(handle.get(long).await, Err(too_long.clone()));
        assert_eq!(handle.set_many(vec![("k".to_owned(), vec![]), (long.to_owned(), vec![])]).await, Err(too_long));
        assert_eq!(handle.get("k").await, Ok(None), "a refused batch does nothing");
        assert_eq!(handle.set("k", vec![0; 9]).await, Err(Error::ValueTooLarge { bytes: 9, bytes_max: 8 }));
        assert_eq!(handle.get_many(vec!["1234".to_owned(); 13]).await, Err(Error::ResultTooLarge { bytes_max: 100 }));
        handle.set_many((0..9).map(|index| (index.to_string(), vec![])).collect()).await.unwrap();
        assert_eq!(handle.all_keys().await, Err(Error::ResultTooLarge { bytes_max: 100 }));

        let mut begun = Vec::new();
        for _ in 0..12 {
            begun.push(handle.cas("1234".to_owned()).await.unwrap());
        }
        assert!(matches!(handle.cas("1234".to_owned()).await, Err(Error::ResultTooLarge { .. })));
        begun.pop();
        assert!(handle.cas("1234".to_owned()).await.is_ok());
    }

    #[tokio::test]
    async fn operations_are_counted_over_all_handles_of_an_instance() {
        let one = handle(Memory::default(), Limits { operations_max: 5, ..Limits::default() });
        let two = one.clone();
        one.set("a", vec![]).await.unwrap();
        two.get_many(vec!["a".to_owned(), "b".to_owned()]).await.unwrap();
        let refused = Err(Error::TooManyOperations { operations_max: 5 });
        assert_eq!(one.get_many(vec![String::new(); 3]).await.map(drop), refused);
        assert_eq!(two.get("a").await.map(drop), refused);
    }
}
