//! What every [`Store`] must do, on each backend: a new one is one more line in [`backends`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coracle_base::clock;
use coracle_testkit::servers::{self, Server};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::memory::Memory;
use super::sqlite::File;
use super::{Cursor, Error, Store, Swap, Terms, number};

type Backends = Vec<(&'static str, Arc<dyn Store>)>;

/// What must outlive the backends.
struct Kept {
    folder: tempfile::TempDir,
    redis: Server,
    nats: Server,
}

/// Every backend, each with a fresh store, and what must outlive it.
fn backends() -> (Backends, Kept) {
    let kept =
        Kept { folder: tempfile::tempdir().unwrap(), redis: servers::redis::start().unwrap(), nats: servers::nats::start().unwrap() };
    (kept.stores("default"), kept)
}

impl Kept {
    /// The stores of `label`.
    fn stores(&self, label: &str) -> Backends {
        let file = File::open(&self.folder.path().join("store.db")).unwrap();
        let redis = format!("url = \"redis://{}\"\nprefix = \"{label}:\"", self.redis.place().address());
        let nats = format!("url = \"nats://{}\"", self.nats.place().address());
        vec![
            ("memory", Arc::new(Memory::default())),
            ("sqlite", Arc::new(file.store(label))),
            ("redis", super::config::opened(label, "redis", &redis)),
            ("nats", super::config::opened(label, "nats", &nats)),
        ]
    }
}

async fn all_keys(store: &dyn Store, page_keys_max: usize) -> Vec<String> {
    let (mut keys, mut from): (Vec<String>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = store.keys("", from.as_ref(), page_keys_max).await.unwrap();
        assert!(page.keys.len() <= page_keys_max);
        keys.extend(page.keys);
        from = page.next;
        if from.is_none() {
            return keys;
        }
    }
}

#[tokio::test]
async fn a_value_is_what_was_set_last() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        assert_eq!(store.get("a").await.unwrap(), None, "{name}");
        assert!(!store.exists("a").await.unwrap(), "{name}");
        for value in [b"one".to_vec(), vec![], vec![0, 255, 0], vec![7; 3 << 20]] {
            store.set("a", value.clone()).await.unwrap();
            assert_eq!(store.get("a").await.unwrap(), Some(value), "{name}");
            assert!(store.exists("a").await.unwrap(), "{name}");
        }
        store.delete("a").await.unwrap();
        store.delete("a").await.unwrap();
        assert_eq!(store.get("a").await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn any_text_is_a_key_and_no_two_are_the_same() {
    let keys =
        ["", "/", "..", "../x", "a:b", "a\0b", "a\0c", "%", "_", "'; DROP TABLE spin_key_value; --", "é", "e\u{301}", "K", "\u{212a}"];
    let (backends, _kept) = backends();
    for (name, store) in backends {
        for key in keys {
            store.set(key, key.as_bytes().to_vec()).await.unwrap();
        }
        for key in keys {
            assert_eq!(store.get(key).await.unwrap().as_deref(), Some(key.as_bytes()), "{name}: {key:?}");
        }
        let mut expected = keys.map(str::to_owned).to_vec();
        expected.sort();
        let mut listed = all_keys(&*store, 3).await;
        listed.sort();
        assert_eq!(listed, expected, "{name}");
    }
}

#[tokio::test]
async fn pages_hold_each_key_once_while_others_come_and_go() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        let keys: Vec<String> = (0..25).map(|index| format!("key-{index:02}")).collect();
        store.set_many(keys.iter().map(|key| (key.clone(), vec![1])).collect()).await.unwrap();
        let first = store.keys("", None, 10).await.unwrap();
        // One that was listed goes, with it the one that the cursor may stand on, and one comes.
        store.delete_many(first.keys.clone()).await.unwrap();
        store.set("key-99", vec![1]).await.unwrap();
        let mut rest = Vec::new();
        let mut from = first.next.clone();
        while let Some(cursor) = from {
            let page = store.keys("", Some(&cursor), 10).await.unwrap();
            rest.extend(page.keys);
            from = page.next;
        }
        rest.retain(|key| key != "key-99");
        assert_eq!([first.keys, rest].concat(), keys, "{name}");
        assert_eq!(store.keys("", None, 16).await.unwrap().next, None, "{name}: a full last page is the last one");
    }
}

#[tokio::test]
async fn a_made_up_cursor_is_refused() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        assert_eq!(store.keys("", Some(&Cursor("0".to_owned())), 10).await, Err(Error::Cursor), "{name}");
    }
}

#[tokio::test]
async fn increments_add_up_and_never_wrap() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        assert_eq!(store.increment("n", 10).await, Ok(10), "{name}");
        assert_eq!(store.increment("n", -15).await, Ok(-5), "{name}");
        assert_eq!(store.get("n").await.unwrap(), Some((-5_i64).to_le_bytes().to_vec()), "{name}");
        store.set("n", number::encode(i64::MAX)).await.unwrap();
        assert_eq!(store.increment("n", 1).await, Err(Error::Overflow), "{name}");
        assert_eq!(store.increment("n", 0).await, Ok(i64::MAX), "{name}");
        for not_a_number in [&b"seven"[..], b"", b"nine bytes"] {
            store.set("n", not_a_number.to_vec()).await.unwrap();
            assert_eq!(store.increment("n", 1).await, Err(Error::NotANumber), "{name}");
            assert_eq!(store.get("n").await.unwrap().as_deref(), Some(not_a_number), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn increments_at_once_are_all_counted() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for _ in 0..25 {
                        store.increment("n", 1).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(store.increment("n", 0).await, Ok(200), "{name}");
    }
}

#[tokio::test]
async fn a_swap_needs_the_value_that_was_read() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        assert_eq!(store.swap("k", None, vec![1]).await, Ok(Swap::Done), "{name}");
        assert_eq!(store.swap("k", None, vec![2]).await, Ok(Swap::Stale), "{name}: a key that came meanwhile is not overwritten");
        assert_eq!(store.swap("k", Some(&[9]), vec![2]).await, Ok(Swap::Stale), "{name}");
        assert_eq!(store.swap("k", Some(&[1]), vec![2]).await, Ok(Swap::Done), "{name}");
        store.delete("k").await.unwrap();
        assert_eq!(store.swap("k", Some(&[2]), vec![3]).await, Ok(Swap::Stale), "{name}: a key that went meanwhile is not made again");
        assert_eq!(store.get("k").await.unwrap(), None, "{name}");
        store.set("k", vec![]).await.unwrap();
        assert_eq!(store.swap("k", None, vec![3]).await, Ok(Swap::Stale), "{name}: empty is not absent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_swaps_at_once_one_wins() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        for round in 0..10_u8 {
            let key = format!("round-{round}");
            let racers: Vec<_> = (0..6)
                .map(|racer| {
                    let (store, key) = (Arc::clone(&store), key.clone());
                    tokio::spawn(async move { store.swap(&key, None, vec![racer]).await.unwrap() })
                })
                .collect();
            let mut done = 0;
            for racer in racers {
                done += usize::from(racer.await.unwrap() == Swap::Done);
            }
            assert_eq!(done, 1, "{name}");
        }
    }
}

#[tokio::test]
async fn a_value_is_set_only_where_there_is_none() {
    let (backends, _kept) = backends();
    let only_absent = Terms { only_absent: true, ..Terms::default() };
    for (name, store) in backends {
        assert_eq!(store.set_on(Terms::default(), "k", vec![1]).await, Ok(Swap::Done), "{name}");
        assert_eq!(store.set_on(Terms::default(), "k", vec![2]).await, Ok(Swap::Done), "{name}");
        assert_eq!(store.set_on(only_absent, "k", vec![3]).await, Ok(Swap::Stale), "{name}");
        assert_eq!(store.get("k").await.unwrap(), Some(vec![2]), "{name}");
        store.delete("k").await.unwrap();
        assert_eq!(store.set_on(only_absent, "k", vec![]).await, Ok(Swap::Done), "{name}");
        assert_eq!(store.set_on(only_absent, "k", vec![4]).await, Ok(Swap::Stale), "{name}: empty is not absent");
    }
}

/// Waits until `key` has no value, and says since when that took.
async fn ended(name: &str, store: &dyn Store, key: &str, since: Instant) -> Duration {
    /// Longer than any lifetime of these tests takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(30);
    while store.exists(key).await.unwrap() {
        assert!(since.elapsed() < PATIENCE, "{name}: {key} ends");
        tokio::task::yield_now().await;
    }
    since.elapsed()
}

#[tokio::test]
async fn a_value_ends_when_it_should_and_not_before() {
    const SHORT: Duration = Duration::from_millis(400);
    let lasting = |lifetime| Terms { lifetime: Some(lifetime), ..Terms::default() };
    let (backends, _kept) = backends();
    for (name, store) in backends {
        let since = clock::now();
        let set = store.set_on(lasting(SHORT), "short", number::encode(1)).await;
        // The server of these tests may be too old for it; then nothing is written.
        if set == Err(Error::NoEnds) {
            assert_eq!((name, store.get("short").await), ("nats", Ok(None)));
            continue;
        }
        assert_eq!(set, Ok(Swap::Done), "{name}");
        for key in ["again", "swapped", "many", "counted"] {
            store.set_on(lasting(SHORT), key, number::encode(1)).await.unwrap();
        }
        store.set_on(lasting(Duration::from_secs(3_600)), "long", vec![1]).await.unwrap();
        store.set("again", number::encode(2)).await.unwrap();
        store.set_many(vec![("many".to_owned(), vec![2])]).await.unwrap();
        assert_eq!(store.swap("swapped", Some(&number::encode(1)), vec![2]).await, Ok(Swap::Done), "{name}");
        assert_eq!(store.increment("counted", 1).await, Ok(2), "{name}");

        assert!(ended(name, &*store, "short", since).await >= SHORT, "{name}");
        ended(name, &*store, "counted", since).await;
        assert_eq!(store.get("short").await, Ok(None), "{name}");
        assert_eq!(store.get_many(vec!["short".to_owned()], 10).await, Ok(vec![None]), "{name}");
        assert_eq!(all_keys(&*store, 2).await, ["again", "long", "many", "swapped"], "{name}: what was set anew stays");
        assert_eq!(store.swap("short", Some(&number::encode(1)), vec![3]).await, Ok(Swap::Stale), "{name}: what ended is absent");
        assert_eq!(store.increment("counted", 5).await, Ok(5), "{name}: and counted anew");
        let anew = Terms { only_absent: true, ..lasting(SHORT) };
        let since = clock::now();
        assert_eq!(store.set_on(anew, "short", vec![4]).await, Ok(Swap::Done), "{name}");
        assert_eq!(store.set_on(anew, "short", vec![5]).await, Ok(Swap::Stale), "{name}");
        assert!(ended(name, &*store, "short", since).await >= SHORT, "{name}");
        assert_eq!(store.swap("short", None, vec![6]).await, Ok(Swap::Done), "{name}");
    }
}

#[tokio::test]
async fn keys_are_listed_by_how_they_begin() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        let keys = ["", "a", "a*", "a*1", "a*2", "a*3", "a+", "ab", "b", "é1", "é2"];
        store.set_many(keys.iter().map(|key| ((*key).to_owned(), vec![1])).collect()).await.unwrap();
        for prefix in ["", "a", "a*", "é", "b", "c", "a*3", "a*33"] {
            let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).copied().collect();
            for page_keys_max in [2, 20] {
                let (mut found, mut from) = (Vec::new(), None);
                loop {
                    let page = store.keys(prefix, from.as_ref(), page_keys_max).await.unwrap();
                    found.extend(page.keys);
                    from = page.next;
                    if from.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{name}: {prefix}");
            }
        }
        let first = store.keys("a", None, 2).await.unwrap();
        let other = store.keys("é", first.next.as_ref(), 10).await.unwrap();
        assert_eq!(other.keys, ["é1", "é2"], "{name}: a cursor is a place, whatever it was got for");
    }
}

#[tokio::test]
async fn batches_answer_in_order_and_keep_their_bound() {
    let (backends, _kept) = backends();
    for (name, store) in backends {
        let pair = |key: &str, value: &[u8]| (key.to_owned(), value.to_vec());
        store.set_many(vec![pair("a", b"1"), pair("b", b"22"), pair("a", b"333")]).await.unwrap();
        let keys = || ["b", "absent", "a", "b"].map(str::to_owned).to_vec();
        let values = [Some(b"22".to_vec()), None, Some(b"333".to_vec()), Some(b"22".to_vec())];
        assert_eq!(store.get_many(keys(), 7).await.unwrap(), values, "{name}");
        assert_eq!(store.get_many(keys(), 6).await, Err(Error::ResultTooLarge { bytes_max: 6 }), "{name}");
        store.delete_many(keys()).await.unwrap();
        assert!(all_keys(&*store, 10).await.is_empty(), "{name}");
        store.set_many(vec![]).await.unwrap();
        assert!(store.get_many(vec![], 0).await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_full_store_says_so_and_still_reads_and_deletes() {
    const BYTES_MAX: usize = 256 << 10;
    let folder = tempfile::tempdir().unwrap();
    let file = File::bounded(&folder.path().join("store.db"), BYTES_MAX as u64).unwrap();
    let backends: Backends = vec![("memory", Arc::new(Memory::bounded(BYTES_MAX))), ("sqlite", Arc::new(file.store("default")))];
    for (name, store) in backends {
        store.set("kept", vec![1; 1_000]).await.unwrap();
        assert_eq!(store.set("large", vec![2; BYTES_MAX]).await, Err(Error::Full), "{name}");
        let pairs = vec![("small".to_owned(), vec![3]), ("large".to_owned(), vec![2; BYTES_MAX])];
        assert_eq!(store.set_many(pairs).await, Err(Error::Full), "{name}: all of a batch or none");
        assert_eq!(store.swap("large", None, vec![2; BYTES_MAX]).await, Err(Error::Full), "{name}");
        assert_eq!(all_keys(&*store, 10).await, ["kept"], "{name}");
        assert_eq!(store.get("kept").await.unwrap(), Some(vec![1; 1_000]), "{name}");
        store.delete("kept").await.unwrap();
        store.set("kept", vec![4; 1_000]).await.unwrap();
        let short = Terms { lifetime: Some(Duration::from_millis(1)), ..Terms::default() };
        store.set_on(short, "short", vec![5; BYTES_MAX / 2]).await.unwrap();
        ended(name, &*store, "short", clock::now()).await;
        store.set("other", vec![6; BYTES_MAX / 2]).await.expect("what has ended makes room");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(String, Vec<u8>),
    Delete(String),
    Increment(String, i64),
    Swap(String, Option<Vec<u8>>, Vec<u8>),
    SetMany(Vec<(String, Vec<u8>)>),
    DeleteMany(Vec<String>),
    Read(String, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || "[ab]{0,2}";
    let value = || prop_oneof![prop::collection::vec(0_u8..3, 0..3), any::<i64>().prop_map(number::encode)];
    let step = prop_oneof![
        (key(), value()).prop_map(|(key, value)| Step::Set(key, value)),
        key().prop_map(Step::Delete),
        (key(), any::<i64>()).prop_map(|(key, delta)| Step::Increment(key, delta)),
        (key(), prop::option::of(value()), value()).prop_map(|(key, expected, value)| Step::Swap(key, expected, value)),
        prop::collection::vec((key(), value()), 0..4).prop_map(Step::SetMany),
        prop::collection::vec(key(), 0..4).prop_map(Step::DeleteMany),
        (key(), 1_usize..4).prop_map(|(key, page)| Step::Read(key, page)),
    ];
    prop::collection::vec(step, 1..40)
}

/// Does `step` to a map and to `store`, which must agree.
async fn agree(model: &mut BTreeMap<String, Vec<u8>>, store: &dyn Store, step: Step) {
    match step {
        Step::Set(key, value) => {
            store.set(&key, value.clone()).await.unwrap();
            model.insert(key, value);
        }
        Step::Delete(key) => {
            store.delete(&key).await.unwrap();
            model.remove(&key);
        }
        Step::Increment(key, delta) => {
            let expected = number::add(model.get(&key).map(Vec::as_slice), delta);
            assert_eq!(store.increment(&key, delta).await, expected);
            if let Ok(sum) = expected {
                model.insert(key, number::encode(sum));
            }
        }
        Step::Swap(key, expected, value) => {
            let fits = model.get(&key) == expected.as_ref();
            let swap = store.swap(&key, expected.as_deref(), value.clone()).await.unwrap();
            assert_eq!(swap == Swap::Done, fits);
            if fits {
                model.insert(key, value);
            }
        }
        Step::SetMany(pairs) => {
            store.set_many(pairs.clone()).await.unwrap();
            model.extend(pairs);
        }
        Step::DeleteMany(keys) => {
            keys.iter().for_each(|key| drop(model.remove(key)));
            store.delete_many(keys).await.unwrap();
        }
        Step::Read(key, page) => {
            assert_eq!(store.get(&key).await.unwrap().as_ref(), model.get(&key));
            assert_eq!(store.exists(&key).await.unwrap(), model.contains_key(&key));
            assert_eq!(all_keys(store, page).await, model.keys().cloned().collect::<Vec<_>>());
        }
    }
}

#[test]
fn every_backend_agrees_with_a_map() {
    /// Cases in all, and how many of them reach the servers.
    const CASES: u32 = 48;
    const SERVED_CASES: u32 = 8;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, kept) = backends();
    let number = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(CASES));
    let agreed = runner.run(&steps(), |steps| {
        number.set(number.get() + 1);
        let mut stores = kept.stores(&format!("case-{}", number.get()));
        if number.get() > SERVED_CASES {
            stores.retain(|(name, _)| ["memory", "sqlite"].contains(name));
        }
        runtime.block_on(async {
            for (_, store) in stores {
                let mut model = BTreeMap::new();
                for step in steps.clone() {
                    agree(&mut model, &*store, step).await;
                }
            }
        });
        Ok(())
    });
    agreed.unwrap();
}
