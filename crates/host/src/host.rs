//! What all workloads of a process share: the engines, one linker for each, and the loader with its cache of compiled code.

use std::sync::{Arc, OnceLock};

use coracle_capabilities as capabilities;
use coracle_engine::{
    ArtifactCache, CompileBounds, Compiler, EngineError, Engines, Generation, InstanceState, Limits, LoadError, Loader, Settings,
};
use wasmtime::component::Linker;

/// How a process runs guests.
#[derive(Debug)]
pub struct Options {
    /// The settings of the engines.
    pub settings: Settings,
    /// The limits of a component whose manifest says nothing else.
    pub limits: Limits,
    /// Where compiled code is kept; without it every process compiles anew.
    pub cache: Option<ArtifactCache>,
    /// Who compiles.
    pub compiler: Compiler,
    /// What one compilation may take.
    pub compile: CompileBounds,
    /// Whether guests whose site has the whole network may listen, too.
    pub listening: bool,
}

impl Default for Options {
    /// The defaults of each part; nothing is kept on disk, and nobody compiles.
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            limits: Limits::default(),
            cache: None,
            compiler: Compiler::Off,
            compile: CompileBounds::default(),
            listening: false,
        }
    }
}

/// Everything that workloads share. Make one for a process.
pub struct Host {
    engines: Arc<Engines>,
    /// Each is made for the first component that needs it.
    p2: OnceLock<Linker<InstanceState>>,
    p3: OnceLock<Linker<InstanceState>>,
    programs: OnceLock<wasmtime::Linker<InstanceState>>,
    loader: Arc<Loader>,
    limits: Limits,
    listening: bool,
}

/// Why a process cannot run guests.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engines do not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("engines", &self.engines).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the engines.
    ///
    /// # Errors
    /// [`HostError`] when this machine cannot run guests.
    pub fn new(options: Options) -> Result<Self, HostError> {
        let engines = Arc::new(Engines::new(&options.settings)?);
        let loader = Loader::new(Arc::clone(&engines), options.cache, options.compiler).with_bounds(options.compile);
        Ok(Self {
            engines,
            p2: OnceLock::new(),
            p3: OnceLock::new(),
            programs: OnceLock::new(),
            loader: Arc::new(loader),
            limits: options.limits,
            listening: options.listening,
        })
    }

    /// The engines.
    #[must_use]
    pub fn engines(&self) -> &Arc<Engines> {
        &self.engines
    }

    /// What makes components ready.
    #[must_use]
    pub fn loader(&self) -> &Arc<Loader> {
        &self.loader
    }

    /// The limits of a component whose manifest says nothing else.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The linker for programs of WASI 0.1.
    ///
    /// # Errors
    /// [`LoadError::Link`] when two functions have the same name.
    pub fn programs(&self) -> Result<&wasmtime::Linker<InstanceState>, LoadError> {
        once(&self.programs, || {
            let mut programs = wasmtime::Linker::new(self.engines.get(Generation::P2));
            capabilities::wasi::link_programs(&mut programs)?;
            Ok(programs)
        })
    }

    /// The linker for components of `generation`.
    ///
    /// # Errors
    /// [`LoadError::Link`] when two capabilities answer the same interface.
    pub fn linker(&self, generation: Generation) -> Result<&Linker<InstanceState>, LoadError> {
        let place = match generation {
            Generation::P2 => &self.p2,
            Generation::P3 => &self.p3,
        };
        once(place, || linker(&self.engines, generation, self.listening))
    }

    /// Another linker like [`Self::linker`], for a component that needs more in it.
    pub(crate) fn own_linker(&self, generation: Generation) -> wasmtime::Result<Linker<InstanceState>> {
        linker(&self.engines, generation, self.listening)
    }
}

/// What is in `place`, made where there is nothing yet.
fn once<T>(place: &OnceLock<T>, make: impl FnOnce() -> wasmtime::Result<T>) -> Result<&T, LoadError> {
    if let Some(made) = place.get() {
        return Ok(made);
    }
    let made = make().map_err(LoadError::Link)?;
    Ok(place.get_or_init(|| made))
}

fn linker(engines: &Engines, generation: Generation, listening: bool) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = capabilities::linker(engines.get(generation), generation)?;
    if listening {
        capabilities::wasi::let_listen(&mut linker, generation)?;
    }
    Ok(linker)
}
