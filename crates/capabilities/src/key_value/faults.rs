//! Servers that crash under load: there are errors only while one is away, it is used again when it is back, what was acknowledged
//! is there, and nobody reads what is another's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use coracle_base::clock;
use coracle_testkit::servers::{self, Server};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Store;
use super::config::opened;

/// Who works on the store at once, and how often the server crashes.
const WORKERS: u64 = 8;
const CRASHES: u64 = 3;
/// What everybody must do without an error before the next crash.
const ROUNDS: u64 = 20;
/// How soon a server that is back must be used again.
const RECOVERY: Duration = Duration::from_secs(2);
/// Longer than any of it takes on a busy machine; where a bound is met is the store's own business.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a worker is.
#[derive(Default)]
struct Progress {
    /// Rounds that it finished since they were last counted.
    rounds: watch::Sender<u64>,
    /// The last value that was acknowledged.
    acknowledged: AtomicU64,
}

/// Whether the server is there.
#[derive(Default)]
struct Weather {
    /// Odd while it is away.
    changes: AtomicU64,
    back: Mutex<Option<Instant>>,
    is_over: AtomicBool,
}

impl Weather {
    fn change(&self) {
        *self.back.lock() = Some(clock::now());
        self.changes.fetch_add(1, SeqCst);
    }

    /// The changes until now, and whether an error now would be one of a server that is away or has just come back.
    fn now(&self) -> (u64, bool) {
        let changes = self.changes.load(SeqCst);
        (changes, changes % 2 == 1 || self.has_just_changed())
    }

    fn has_just_changed(&self) -> bool {
        self.back.lock().is_some_and(|back| back.elapsed() < RECOVERY)
    }
}

/// One worker: writes ever larger numbers to a key of its own, and reads what stands there.
async fn work(store: Arc<dyn Store>, worker: u64, progress: Arc<Progress>, weather: Arc<Weather>) {
    let key = format!("worker-{worker}");
    for number in 1_u64.. {
        if weather.is_over.load(SeqCst) {
            return;
        }
        let value = [worker.to_le_bytes(), number.to_le_bytes()].concat();
        let (before, was_bad) = weather.now();
        let (written, read) = (store.set(&key, value).await, store.get(&key).await);
        let may_fail = was_bad || weather.now().0 != before;
        if written.is_ok() {
            progress.acknowledged.store(number, SeqCst);
        }
        match &read {
            Ok(read) => {
                let read = read.as_ref().expect("a key that was written has a value");
                let (owner, found) = read.split_at(8);
                assert_eq!(owner, worker.to_le_bytes(), "the value of another");
                let found = u64::from_le_bytes(found.try_into().unwrap());
                assert!(found <= number && found >= progress.acknowledged.load(SeqCst), "{found} of {number}");
            }
            Err(error) => assert!(may_fail, "{error:?} while the server was there"),
        }
        match written {
            Ok(()) => progress.rounds.send_modify(|rounds| *rounds += 1),
            Err(error) => assert!(may_fail, "{error:?} while the server was there"),
        }
    }
}

/// Waits until everybody has finished some more rounds.
async fn all_work(progress: &[Arc<Progress>]) {
    progress.iter().for_each(|progress| progress.rounds.send_modify(|rounds| *rounds = 0));
    for progress in progress {
        let mut rounds = progress.rounds.subscribe();
        let worked = tokio::time::timeout(PATIENCE, rounds.wait_for(|rounds| *rounds >= ROUNDS)).await;
        worked.expect("everybody works").unwrap();
    }
}

async fn survives(mut server: Server, kind: &str, url: String) {
    let open = || opened("default", kind, &url);
    let (store, weather) = (open(), Arc::new(Weather::default()));
    let progress: Vec<_> = (0..WORKERS).map(|_| Arc::new(Progress::default())).collect();
    let workers: Vec<_> = (0..WORKERS)
        .zip(&progress)
        .map(|(worker, progress)| tokio::spawn(work(Arc::clone(&store), worker, Arc::clone(progress), Arc::clone(&weather))))
        .collect();
    for _ in 0..CRASHES {
        all_work(&progress).await;
        weather.change();
        server.crash().unwrap();
        assert!(store.get("worker-0").await.is_err(), "the server is away");
        server.resume().unwrap();
        weather.change();
        while weather.has_just_changed() {
            all_work(&progress).await;
        }
    }
    all_work(&progress).await;
    weather.is_over.store(true, SeqCst);
    for worker in workers {
        tokio::time::timeout(PATIENCE, worker).await.expect("nobody hangs").unwrap();
    }
    let fresh = open();
    for (worker, progress) in progress.iter().enumerate() {
        let value = fresh.get(&format!("worker-{worker}")).await.unwrap().unwrap();
        let found = u64::from_le_bytes(value[8..].try_into().unwrap());
        assert!(found >= progress.acknowledged.load(SeqCst), "what was acknowledged is there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_crashes_under_load() {
    let server = servers::redis::start().unwrap();
    let url = format!("url = \"redis://{}\"", server.place().address());
    survives(server, "redis", url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nats_crashes_under_load() {
    let server = servers::nats::start().unwrap();
    let url = format!("url = \"nats://{}\"", server.place().address());
    survives(server, "nats", url).await;
}
