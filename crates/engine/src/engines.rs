//! The two wasmtime engines of a process. WASI 0.2 components run on one without component-model-async, whose calls skip the
//! concurrent event loop; WASI 0.3 components run on one with it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use coracle_base::Places;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::Generation;
use crate::proposals;
use crate::ticker::{Awake, Ticker};

/// The stack that a guest's own frames may take, in bytes.
pub(crate) const STACK_BYTES_MAX: usize = 512 << 10;

/// What an operator may set for all guests of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Live instances at once, over all components.
    pub instances_max: u32,
    /// The greatest memory limit that any component may have, in bytes; it sizes the slots of the pool.
    pub memory_bytes_max: usize,
    /// Whether instances come from a pool of slots made beforehand.
    pub pooling: bool,
    /// Bytes of a slot's memory that stay resident between two instances.
    pub keep_resident_bytes: usize,
    /// Whether this process may compile; without it only artifacts run.
    pub compile: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instances_max: 512,
            memory_bytes_max: 4 << 30,
            pooling: true,
            keep_resident_bytes: 2 << 20,
            compile: cfg!(feature = "compile"),
        }
    }
}

/// The engines of this process and the thread that keeps their time.
#[derive(Debug)]
pub struct Engines {
    settings: Settings,
    p2: Engine,
    /// Started for the first component that needs it: its pool takes a millisecond, and most processes run one generation.
    p3: OnceLock<Engine>,
    pooled: bool,
    ticker: Ticker,
    idle: Arc<Places>,
}

/// The share of all instances that may be idle, so that apps that rest do not keep others from beginning.
const IDLE_SHARE: u32 = 4;

/// What an instance needs to wait among the idle ones of a process: a place that it takes and leaves again, also by being dropped.
#[derive(Debug)]
pub struct IdlePlace {
    places: Arc<Places>,
    taken: bool,
}

impl IdlePlace {
    /// Takes a place; false when too many instances wait already.
    pub fn take(&mut self) -> bool {
        self.taken = self.taken || self.places.take();
        self.taken
    }

    /// Leaves the place for another instance.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.taken) {
            self.places.give(1);
        }
    }
}

impl Drop for IdlePlace {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Why the engines cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused its configuration.
    #[error("the WebAssembly engine cannot start on this machine")]
    Config(#[source] wasmtime::Error),
    /// The thread that enforces CPU limits cannot start.
    #[error("the thread that enforces CPU limits cannot start; check the limit on threads")]
    Ticker(#[source] std::io::Error),
}

impl Engines {
    /// Starts the engine for WASI 0.2; the other follows when it is needed. Where the address space for the pool cannot be reserved, instances are allocated on demand instead.
    ///
    /// # Errors
    /// [`EngineError`] when wasmtime or the ticker thread cannot start.
    pub fn new(settings: &Settings) -> Result<Self, EngineError> {
        let (p2, pooled) = start(settings, Generation::P2).map_err(EngineError::Config)?;
        let ticker = Ticker::start(p2.clone()).map_err(EngineError::Ticker)?;
        let idle_max = usize::try_from(settings.instances_max / IDLE_SHARE).unwrap_or(usize::MAX);
        Ok(Self { settings: settings.clone(), p2, p3: OnceLock::new(), pooled, ticker, idle: Arc::new(Places::new(idle_max)) })
    }

    /// The engine for components of `generation`.
    #[must_use]
    pub fn get(&self, generation: Generation) -> &Engine {
        match generation {
            Generation::P2 => &self.p2,
            Generation::P3 => self.p3.get_or_init(|| self.start_p3()),
        }
    }

    /// Whether instances come from a pool.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Keeps epochs advancing until the answer is given to [`Self::rest`]. Hold one while a guest runs.
    pub fn awake(&self) -> Awake {
        self.ticker.awake()
    }

    /// To be set at each tick that finds a guest computing for long; see [`Ticker::hurry`].
    pub(crate) fn hurry(&self) -> Arc<AtomicBool> {
        self.ticker.hurry()
    }

    /// Lets epochs stand still again, where nothing else keeps them advancing.
    pub fn rest(&self, awake: Awake) {
        self.ticker.rest(awake);
    }

    /// What an instance needs to wait for work.
    #[must_use]
    pub fn idle_place(&self) -> IdlePlace {
        IdlePlace { places: Arc::clone(&self.idle), taken: false }
    }

    fn start_p3(&self) -> Engine {
        let settings = Settings { pooling: self.pooled, ..self.settings.clone() };
        match start(&settings, Generation::P3) {
            Ok((engine, _)) => {
                self.ticker.add(engine.clone());
                engine
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "no engine for WASI 0.3 on this machine; its components do not load");
                // It refuses them by name.
                self.p2.clone()
            }
        }
    }
}

/// An engine, and whether it has a pool. Where the address space for one cannot be reserved, instances are allocated on demand.
fn start(settings: &Settings, generation: Generation) -> wasmtime::Result<(Engine, bool)> {
    if settings.pooling {
        match Engine::new(&config(settings, generation, true)) {
            Ok(engine) => return Ok((engine, true)),
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "no instance pool on this machine; instances are allocated on demand");
            }
        }
    }
    Ok((Engine::new(&config(settings, generation, false))?, false))
}

/// The configuration of one engine. Everything that changes generated code is the same for `pooling` or not, so that artifacts
/// fit both.
pub(crate) fn config(settings: &Settings, generation: Generation, pooling: bool) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.wasm_component_model_implements(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES_MAX);
    config.memory_init_cow(true);
    config.wasm_features(proposals::off(), false);
    #[cfg(feature = "compile")]
    config.parallel_compilation(true);
    let asynchronous = generation == Generation::P3;
    config.wasm_component_model_async(asynchronous);
    config.concurrency_support(asynchronous);
    #[cfg(feature = "compile")]
    if !settings.compile {
        config.enable_compiler(false);
    }
    if pooling {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(settings)));
    }
    config
}

fn pool(settings: &Settings) -> PoolingAllocationConfig {
    /// Tables of one component, counting those of its adapters.
    const TABLES_EACH: u32 = 4;

    let mut pool = PoolingAllocationConfig::new();
    let instances = settings.instances_max;
    pool.total_component_instances(instances);
    // They are counted and have no slots of their own. What bounds them is the limit of each component: Python's have a dozen.
    pool.total_core_instances(u32::MAX);
    pool.total_memories(instances.saturating_mul(2));
    pool.total_tables(instances.saturating_mul(TABLES_EACH));
    pool.total_stacks(instances);
    pool.max_memory_size(settings.memory_bytes_max);
    pool.max_tables_per_module(8);
    pool.max_memories_per_module(2);
    pool.table_elements(100_000);
    pool.max_component_instance_size(10 << 20);
    pool.max_core_instance_size(10 << 20);
    pool.linear_memory_keep_resident(settings.keep_resident_bytes);
    pool.table_keep_resident(64 << 10);
    pool.async_stack_keep_resident(64 << 10);
    pool.pagemap_scan(Enabled::Auto);
    pool
}
