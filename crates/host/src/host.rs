//! What all workloads of a process share: the engines, one linker for each, and the loader with its cache of compiled code.

use std::sync::Arc;

use coracle_capabilities as capabilities;
use coracle_engine::{ArtifactCache, CompileBounds, Compiler, EngineError, Engines, Generation, InstanceState, Limits, Loader, Settings};
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
    p2: Linker<InstanceState>,
    p3: Linker<InstanceState>,
    programs: wasmtime::Linker<InstanceState>,
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
    /// Two capabilities answer the same interface.
    #[error("the capabilities do not fit together")]
    Link(#[source] wasmtime::Error),
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("engines", &self.engines).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the engines and links every capability.
    ///
    /// # Errors
    /// [`HostError`] when this machine cannot run guests.
    pub fn new(options: Options) -> Result<Self, HostError> {
        let engines = Arc::new(Engines::new(&options.settings)?);
        let linker = |generation| linker(&engines, generation, options.listening).map_err(HostError::Link);
        let (p2, p3) = (linker(Generation::P2)?, linker(Generation::P3)?);
        let mut programs = wasmtime::Linker::new(engines.get(Generation::P2));
        capabilities::wasi::link_programs(&mut programs).map_err(HostError::Link)?;
        let loader = Loader::new(Arc::clone(&engines), options.cache, options.compiler).with_bounds(options.compile);
        Ok(Self { engines, p2, p3, programs, loader: Arc::new(loader), limits: options.limits, listening: options.listening })
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
    #[must_use]
    pub fn programs(&self) -> &wasmtime::Linker<InstanceState> {
        &self.programs
    }

    /// The linker for components of `generation`.
    #[must_use]
    pub fn linker(&self, generation: Generation) -> &Linker<InstanceState> {
        match generation {
            Generation::P2 => &self.p2,
            Generation::P3 => &self.p3,
        }
    }

    /// Another linker like [`Self::linker`], for a component that needs more in it.
    pub(crate) fn own_linker(&self, generation: Generation) -> wasmtime::Result<Linker<InstanceState>> {
        linker(&self.engines, generation, self.listening)
    }
}

fn linker(engines: &Engines, generation: Generation, listening: bool) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = capabilities::linker(engines.get(generation), generation)?;
    if listening {
        capabilities::wasi::let_listen(&mut linker, generation)?;
    }
    Ok(linker)
}
