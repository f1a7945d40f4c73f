//! The one thread that advances the epoch of every engine while guests run, and sleeps while none does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::Thread;
use std::time::Duration;

use coracle_base::shards::{Shards, shard};
use parking_lot::Mutex;
use wasmtime::Engine;

/// How often a running guest is interrupted, which bounds how late a limit is noticed.
pub(crate) const TICK: Duration = Duration::from_nanos(TICK_NS);
pub(crate) const TICK_NS: u64 = 2_000_000;

/// How often it is while a guest computes for long: it gives its thread back at each tick, and others wait there.
const SHORT_TICK: Duration = Duration::from_nanos(SHORT_TICK_NS);
pub(crate) const SHORT_TICK_NS: u64 = 200_000;

/// Ticks without a running guest before the thread goes to sleep.
const IDLE_TICKS_MAX: u32 = 50;

pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

/// Keeps a ticker awake until it is given back to it: the group of threads that it is counted for.
#[derive(Debug)]
#[must_use = "the ticker stays awake until it is given back"]
pub struct Awake(usize);

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Shared {
    /// Guests that run, each counted where it began.
    running: Shards<AtomicUsize>,
    /// Whether a guest was found computing for long since the last tick.
    hurry: Arc<AtomicBool>,
    asleep: AtomicBool,
    stop: AtomicBool,
    engines: Mutex<Vec<Engine>>,
}

impl Ticker {
    pub(crate) fn start(engine: impl Into<Option<Engine>>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { engines: Mutex::new(engine.into().into_iter().collect()), ..Shared::default() });
        let for_thread = Arc::clone(&shared);
        let handle = std::thread::Builder::new().name("coracle-ticker".to_owned()).spawn(move || for_thread.run())?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// Keeps the time of `engine`, too.
    pub(crate) fn add(&self, engine: Engine) {
        self.shared.engines.lock().push(engine);
    }

    /// To be set at each tick that finds a guest computing for long; the next one then comes sooner.
    pub(crate) fn hurry(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.hurry)
    }

    pub(crate) fn awake(&self) -> Awake {
        let shard = shard();
        self.shared.running.of(shard).fetch_add(1, SeqCst);
        if self.shared.asleep.load(SeqCst) {
            self.thread.unpark();
        }
        Awake(shard)
    }

    pub(crate) fn rest(&self, Awake(shard): Awake) {
        self.shared.running.of(shard).fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn run(&self) {
        let mut idle_ticks = 0;
        while !self.stop.load(SeqCst) {
            std::thread::sleep(if self.hurry.swap(false, Relaxed) { SHORT_TICK } else { TICK });
            self.engines.lock().iter().for_each(Engine::increment_epoch);
            idle_ticks = if self.nothing_runs() { idle_ticks + 1 } else { 0 };
            if idle_ticks >= IDLE_TICKS_MAX {
                self.sleep();
                idle_ticks = 0;
            }
        }
    }

    /// Whether nothing that has begun before this was asked still runs.
    fn nothing_runs(&self) -> bool {
        self.running.iter().all(|running| running.load(SeqCst) == 0)
    }

    /// Sleeps until a guest runs. `asleep` is set before `running` is read, and a guest raises `running` before it reads `asleep`:
    /// one of the two always sees the other.
    fn sleep(&self) {
        self.asleep.store(true, SeqCst);
        while self.nothing_runs() && !self.stop.load(SeqCst) {
            std::thread::park();
        }
        self.asleep.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coracle_base::clock;

    #[track_caller]
    fn wait_for(condition: impl Fn() -> bool) {
        let started = clock::now();
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(30), "the ticker did not get there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn sleeps_while_no_guest_runs_and_wakes_for_one() {
        let ticker = Ticker::start(None).unwrap();
        wait_for(|| ticker.shared.asleep.load(SeqCst));
        let awake = ticker.awake();
        wait_for(|| !ticker.shared.asleep.load(SeqCst));
        ticker.rest(awake);
        wait_for(|| ticker.shared.asleep.load(SeqCst));
    }
}
