//! Makes binaries ready to run: looks for a compiled artifact, compiles where there is none, and keeps what is in use shared.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use coracle_base::clock;
use parking_lot::Mutex;
use tempfile::NamedTempFile;

use crate::artifact::{self, ArtifactCache, ArtifactError, Found, Image, Key, Metadata};
use crate::compile::{CompileBounds, CompileError, Compiler, Order, Progress, Task};
use crate::component::{LoadError, Loaded, Ready};
use crate::core_module::{Adaptable, ModuleError};
use crate::digest::Digest;
use crate::shape::PROGRAMS;
use crate::{Component, Engines, Shape};

/// What the adapter and the component around a module take beside the module itself, in bytes.
const ENCODED_EXTRA_BYTES: u64 = 4 << 20;

/// Loads components. One for each process; its methods block, so call them where blocking is allowed.
#[derive(Debug)]
pub struct Loader {
    engines: Arc<Engines>,
    cache: Option<ArtifactCache>,
    compiler: Compiler,
    bounds: CompileBounds,
    /// What is loaded and still used by somebody.
    in_use: Mutex<HashMap<Key, Weak<Loaded>>>,
    /// Held while compiling: one compiler already uses every core, and two would need the memory of two.
    compiling: Mutex<()>,
    compiled: AtomicU64,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

impl Loader {
    /// A loader for `engines`. Without a `cache` everything is compiled once in each process.
    #[must_use]
    pub fn new(engines: Arc<Engines>, cache: Option<ArtifactCache>, compiler: Compiler) -> Self {
        Self {
            engines,
            cache,
            compiler,
            bounds: CompileBounds::default(),
            in_use: Mutex::default(),
            compiling: Mutex::default(),
            compiled: AtomicU64::new(0),
        }
    }

    /// The same loader with other bounds on compiling.
    #[must_use]
    pub fn with_bounds(self, bounds: CompileBounds) -> Self {
        Self { bounds, ..self }
    }

    /// The engines that components are loaded for.
    #[must_use]
    pub fn engines(&self) -> &Arc<Engines> {
        &self.engines
    }

    /// How many components this loader compiled, as opposed to found.
    #[must_use]
    pub fn compiled(&self) -> u64 {
        self.compiled.load(Relaxed)
    }

    /// Makes `bytes`, a component or a core module, ready to run.
    ///
    /// # Errors
    /// [`LoadError`] when they cannot become a component, or compiling fails or exceeds its bounds.
    pub fn load(&self, bytes: &[u8], progress: &dyn Fn(Progress)) -> Result<Component, LoadError> {
        let source = Digest::of(bytes);
        let key = Key::new(&self.engines, source);
        if let Some(component) = self.loaded(key).or_else(|| self.cached(key)) {
            return Ok(component);
        }
        let _turn = self.compiling.lock();
        // Another thread may have loaded the same component while this one waited for its turn.
        if let Some(component) = self.loaded(key) {
            return Ok(component);
        }
        let ready = self.ready(bytes, progress)?;
        let metadata = Metadata { key: key.digest(), source, source_bytes: bytes.len(), shape: ready.shape.clone(), marks: ready.marks };
        let mut draft = self.draft()?;
        self.compile(&ready, &metadata, &mut draft, progress)?;
        let component = self.open(draft.as_file(), &metadata)?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.keep(draft, key)
        {
            tracing::warn!(dir = %cache.dir().display(), %error, "the artifact cannot be kept; the next start compiles again");
        }
        Ok(self.share(key, component))
    }

    /// Compiles `bytes` into an artifact at `destination`, which [`Self::load_artifact`] loads on machines like this one.
    ///
    /// # Errors
    /// [`LoadError`] as for [`Self::load`], or when the artifact cannot be written. Nothing half-written is left behind.
    pub fn precompile(&self, bytes: &[u8], destination: &Path, progress: &dyn Fn(Progress)) -> Result<(), LoadError> {
        let source = Digest::of(bytes);
        let key = Key::new(&self.engines, source);
        let _turn = self.compiling.lock();
        let ready = self.ready(bytes, progress)?;
        let metadata = Metadata { key: key.digest(), source, source_bytes: bytes.len(), shape: ready.shape.clone(), marks: ready.marks };
        let folder = destination.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut draft = tempfile::Builder::new().prefix(".draft-").tempfile_in(folder).map_err(CompileError::Write)?;
        self.compile(&ready, &metadata, &mut draft, progress)?;
        draft.persist(destination).map_err(|error| CompileError::Write(error.error))?;
        Ok(())
    }

    /// Loads an artifact that [`Self::precompile`] made. An artifact is trusted code: its seal shows damage, not who made it, so load
    /// none that a stranger could have written.
    ///
    /// # Errors
    /// [`LoadError::Artifact`] when it is damaged, for another engine, or may be written by other users.
    pub fn load_artifact(&self, path: &Path) -> Result<Component, LoadError> {
        let path = path.canonicalize().map_err(ArtifactError::Io)?;
        let file = artifact::open_ours(&path)?;
        let metadata = artifact::check(&file)?;
        let key = Key::new(&self.engines, metadata.source);
        match self.loaded(key) {
            Some(component) => Ok(component),
            None => Ok(self.share(key, self.open(&file, &metadata)?)),
        }
    }

    fn ready<'a>(&self, bytes: &'a [u8], progress: &dyn Fn(Progress)) -> Result<Ready<'a>, LoadError> {
        let bytes_max = self.bounds.source_bytes;
        if bytes.len() > bytes_max {
            return Err(CompileError::SourceBytes { bytes: bytes.len(), bytes_max }.into());
        }
        Ready::new(bytes, |module| self.encode(module, progress))
    }

    /// The component that a core module becomes.
    fn encode(&self, module: &Adaptable<'_>, progress: &dyn Fn(Progress)) -> Result<Vec<u8>, LoadError> {
        let mut draft = self.draft()?;
        let (task, bytes) = (Task::Encode(module.adapter), &module.module);
        // An adapter adds to the module, and names are written twice.
        let output_bytes = (bytes.len() as u64).saturating_mul(2).saturating_add(ENCODED_EXTRA_BYTES);
        let order = self.order(task, draft.path(), bytes.len(), output_bytes);
        self.compiler.obey(&self.engines, &order, bytes, draft.as_file_mut(), progress).map_err(|error| match error {
            CompileError::Refused(reason) => LoadError::Module(ModuleError::Encode(reason)),
            error => error.into(),
        })?;
        let mut component = Vec::new();
        let read = draft.as_file_mut().rewind().and_then(|()| draft.as_file().take(output_bytes).read_to_end(&mut component));
        read.map_err(CompileError::Write)?;
        Ok(component)
    }

    fn compile(
        &self,
        ready: &Ready<'_>,
        metadata: &Metadata,
        draft: &mut NamedTempFile,
        progress: &dyn Fn(Progress),
    ) -> Result<(), LoadError> {
        let started = clock::now();
        let source_bytes = ready.bytes.len();
        progress(Progress::Compiling { source_bytes, elapsed: started.elapsed() });
        let order = self.order(ready.task(), draft.path(), source_bytes, self.bounds.artifact_bytes);
        self.compiler.obey(&self.engines, &order, &ready.bytes, draft.as_file_mut(), progress)?;
        self.compiled.fetch_add(1, Relaxed);
        artifact::seal(draft.as_file_mut(), metadata)?;
        progress(Progress::Compiled { source_bytes, elapsed: started.elapsed() });
        Ok(())
    }

    fn order(&self, task: Task, output: &Path, source_bytes: usize, output_bytes: u64) -> Order {
        Order {
            task,
            output: output.to_owned(),
            memory_bytes: self.bounds.memory_bytes,
            output_bytes,
            source_bytes,
            wall_ms: u64::try_from(self.bounds.wall.as_millis()).unwrap_or(u64::MAX),
            parent: std::process::id().cast_signed(),
        }
    }

    /// A file for what is made; it disappears unless it is kept.
    fn draft(&self) -> Result<NamedTempFile, CompileError> {
        let draft = self.cache.as_ref().map_or_else(NamedTempFile::new, ArtifactCache::draft);
        draft.map_err(CompileError::Write)
    }

    fn loaded(&self, key: Key) -> Option<Component> {
        self.in_use.lock().get(&key).and_then(Weak::upgrade).map(Component)
    }

    fn cached(&self, key: Key) -> Option<Component> {
        let cache = self.cache.as_ref()?;
        let found = match cache.find(key) {
            Found::Miss => return None,
            Found::Hit(file, metadata) => self.open(&file, &metadata),
            Found::Bad(error) => Err(error),
        };
        match found {
            Ok(component) => Some(self.share(key, component)),
            Err(error) => {
                let error = coracle_base::chain(&error).to_string();
                tracing::warn!(dir = %cache.dir().display(), error, "an artifact in the cache cannot be used; it is compiled again");
                None
            }
        }
    }

    /// Turns a checked artifact into code.
    fn open(&self, file: &File, metadata: &Metadata) -> Result<Component, ArtifactError> {
        let shape = metadata.shape.clone();
        let (image, generation) = match shape {
            Shape::Component { generation, .. } => (Image::Component, generation),
            Shape::Module { .. } => (Image::Program, PROGRAMS),
        };
        let engine = self.engines.get(generation);
        let code = match artifact::map(engine, image, file) {
            Ok(code) => code,
            // A file system that forbids executable mappings, or no `/dev/fd`: a copy in memory serves as well.
            Err(error) if error.chain().any(|cause| cause.is::<io::Error>() || cause.is::<rustix::io::Errno>()) => {
                artifact::map_bytes(engine, image, &artifact::payload(file)?).map_err(ArtifactError::Engine)?
            }
            Err(error) => return Err(ArtifactError::Engine(error)),
        };
        Ok(Component(Arc::new(Loaded { code, shape, generation, marks: metadata.marks })))
    }

    /// Notes that `component` is in use, and gives what another thread loaded first, if one did.
    fn share(&self, key: Key, component: Component) -> Component {
        let mut in_use = self.in_use.lock();
        if let Some(first) = in_use.get(&key).and_then(Weak::upgrade) {
            return Component(first);
        }
        in_use.retain(|_, loaded| loaded.strong_count() > 0);
        in_use.insert(key, Arc::downgrade(&component.0));
        component
    }
}
