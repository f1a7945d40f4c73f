//! An app made ready to run: its components found, composed, compiled, checked against what they were granted, and bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_app::{App, Component, ComponentId, Place, Places, Trigger};
use coracle_capabilities::{self as capabilities, is_unavailable};
use coracle_engine::{
    BindError, Component as Loaded, Generation, Identity, Import, InstanceState, LoadError, Progress, RuntimeConfig, Site, deny,
};
use serde_json::Value;
use tempfile::TempDir;
use wasmtime::component::Linker;

use crate::admit::{self, AdmitError, Notice};
use crate::assemble::AssembleError;
use crate::binding::{self, Labels};
use crate::files::{self, FilesError, Mounting};
use crate::grants::{self, GrantFault, GrantLine, Opened};
use crate::middleware::{self, Before};
use crate::source::Sources;
use crate::{Host, Parts, Runnable, limits};

/// How temporary folders begin, so that one that was left behind can be told.
const TEMP_PREFIX: &str = "coracle-";

/// Where and how an app is started. Plain data, read at the edge.
#[derive(Default)]
pub struct Placement {
    /// The folder of the manifest, against which its paths are resolved.
    pub folder: PathBuf,
    /// Where downloads are kept.
    pub cache: Option<PathBuf>,
    /// The operator's runtime configuration.
    pub config: RuntimeConfig,
    /// What the edge already shares with the capabilities: process environment, log sink, overrides of variables.
    pub site: Site,
    /// Environment variables that every component gets besides its own.
    pub environment: BTreeMap<String, String>,
    /// Components to run; empty for all.
    pub only: BTreeSet<ComponentId>,
    /// How files reach the guests.
    pub mounting: Mounting,
    /// Where the guests' copies of their files are made; `None` for the system's temporary folder.
    pub temp: Option<PathBuf>,
    /// Is told while a component compiles.
    pub watcher: Option<Watcher>,
}

/// Is told which component compiles, and for how long already.
pub type Watcher = Arc<dyn Fn(&ComponentId, Progress) + Send + Sync>;

/// An app that is ready to run.
#[derive(Debug)]
pub struct Workload {
    app: App,
    site: Arc<Site>,
    labels: Labels,
    /// What each component asks for, with what the host added.
    asked: BTreeMap<ComponentId, BTreeMap<String, Value>>,
    /// What it got.
    granted: BTreeMap<ComponentId, Vec<GrantLine>>,
    runnables: BTreeMap<ComponentId, Arc<Runnable>>,
    notices: Vec<Notice>,
    /// The guests' copies of their files live as long as the workload; most apps have none.
    assets: Option<TempDir>,
}

/// Why an app cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// There is nothing that could wake it.
    #[error("No triggers in app")]
    NoTriggers,
    /// `--component-id` names a component that is not there.
    #[error("component `{0}` is not in this app; it has {1}")]
    UnknownComponent(ComponentId, String),
    /// A working folder cannot be made.
    #[error("no temporary folder can be made; check that the system's is writable, or name another with `--temp`")]
    Assets(#[source] std::io::Error),
    /// The folder of the manifest is gone.
    #[error("the folder {} cannot be opened", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The runtime configuration does not fit.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The runtime configuration has keys that nobody reads.
    #[error("the runtime configuration has unknown keys: {}; remove them or correct their names", .0.join(", "))]
    UnusedConfig(Vec<String>),
    /// Something that is told with its place in the manifest.
    #[error("{place}")]
    At {
        /// The place.
        place: Place,
        /// What is wrong there.
        source: Box<WorkloadError>,
    },
    /// A grant is malformed, or of something that does not exist.
    #[error(transparent)]
    Grant(#[from] GrantFault),
    /// The parts of a component are missing or do not fit.
    #[error(transparent)]
    Assemble(#[from] Box<AssembleError>),
    /// It does not load.
    #[error("component `{component}` cannot be loaded")]
    Load {
        /// The component.
        component: ComponentId,
        /// Why.
        source: LoadError,
    },
    /// It imports what it cannot have.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// Its files cannot be shown to it.
    #[error(transparent)]
    Files(#[from] FilesError),
}

impl Workload {
    /// Makes `app` ready on `host`. Components that no trigger calls are not loaded.
    ///
    /// # Errors
    /// [`WorkloadError`] for the first thing that does not fit; nothing runs then.
    pub async fn start(host: &Host, mut app: App, mut placement: Placement) -> Result<Self, WorkloadError> {
        let before = middleware::split(&mut app, &mut placement.only);
        let needed = needed(&app, &placement.only)?;
        let folder = placement.folder.canonicalize();
        let folder = folder.map_err(|source| WorkloadError::Folder { folder: placement.folder.clone(), source })?;
        placement.site.app.clone_from(&app.name);
        let labels = binding::labels(&app, &needed);
        binding::bind(&mut placement.site, &mut placement.config, &labels)?;
        capabilities::settle(&placement.site).await?;
        let has_files = app.components.iter().any(|component| needed.contains(&component.id) && !component.files.is_empty());
        let assets = has_files.then(|| temp_dir(placement.temp.as_deref()).map_err(WorkloadError::Assets)).transpose()?;
        let mut workload = Self {
            app,
            site: Arc::new(placement.site),
            labels,
            asked: BTreeMap::new(),
            granted: BTreeMap::new(),
            runnables: BTreeMap::new(),
            notices: Vec::new(),
            assets,
        };
        let loading = Loading {
            host,
            folder: &folder,
            cache: placement.cache.as_deref(),
            before: &before,
            environment: &placement.environment,
            mounting: placement.mounting,
            watcher: placement.watcher,
        };
        for id in needed {
            let asked = loading.grants(&workload, &id)?;
            workload.asked.insert(id.clone(), asked);
            let (runnable, lines, notices) = loading.component(&workload, &id).await?;
            workload.runnables.insert(id.clone(), Arc::new(runnable));
            workload.granted.insert(id, lines);
            workload.notices.extend(notices);
        }
        Ok(workload)
    }

    /// Applies another runtime configuration: instances that are made from now on have what it binds, those that run keep what they have.
    /// `site` has what the edge shares, as for the start.
    ///
    /// # Errors
    /// [`WorkloadError`] for the first thing that does not fit; everything is as before then.
    pub async fn rebind(&mut self, mut site: Site, mut config: RuntimeConfig) -> Result<(), WorkloadError> {
        site.app.clone_from(&self.app.name);
        site.follow(&self.site);
        binding::bind(&mut site, &mut config, &self.labels)?;
        capabilities::settle(&site).await?;
        site.settle();
        let mut rebound = Vec::new();
        for id in self.runnables.keys() {
            rebound.push((id.clone(), self.open(id, &site)?));
        }
        for (id, opened) in rebound {
            if let Some(runnable) = self.runnables.get(&id) {
                runnable.rebind(opened.grants);
            }
            self.granted.insert(id, opened.lines);
        }
        self.site = Arc::new(site);
        Ok(())
    }

    /// What component `id` is granted, ready for its instances.
    fn open(&self, id: &ComponentId, site: &Site) -> Result<Opened, WorkloadError> {
        let component = found(&self.app, id)?;
        let opened = grants::open(id.as_str(), self.asked(id), site);
        opened.map_err(|fault| at(&component.places, &fault.key.clone(), fault))
    }

    fn asked(&self, id: &ComponentId) -> &BTreeMap<String, Value> {
        static NOTHING: BTreeMap<String, Value> = BTreeMap::new();
        self.asked.get(id).unwrap_or(&NOTHING)
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What the app's capabilities share.
    #[must_use]
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// The component `id`, if a trigger calls it.
    #[must_use]
    pub fn runnable(&self, id: &ComponentId) -> Option<&Arc<Runnable>> {
        self.runnables.get(id)
    }

    /// Every component that is ready.
    pub fn runnables(&self) -> impl Iterator<Item = &Arc<Runnable>> {
        self.runnables.values()
    }

    /// What each component was granted, for start-up tables.
    pub fn granted(&self) -> impl Iterator<Item = (&ComponentId, &GrantLine)> {
        self.granted.iter().flat_map(|(id, lines)| lines.iter().map(move |line| (id, line)))
    }

    /// What an operator should know: imports without a grant.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Lets no invocation in any more and waits until those that run have ended.
    pub async fn drain(&self) {
        for runnable in self.runnables.values() {
            runnable.drain().await;
        }
    }
}

/// What making each component ready has in common.
struct Loading<'a> {
    host: &'a Host,
    folder: &'a Path,
    cache: Option<&'a Path>,
    before: &'a Before,
    environment: &'a BTreeMap<String, String>,
    mounting: Mounting,
    watcher: Option<Watcher>,
}

impl Loading<'_> {
    async fn component(&self, workload: &Workload, id: &ComponentId) -> Result<(Runnable, Vec<GrantLine>, Vec<Notice>), WorkloadError> {
        let app = &workload.app;
        let component = found(app, id)?;
        let load = |source| at(&component.places, "source", WorkloadError::Load { component: id.clone(), source });
        let loaded = match self.artifact(app, component) {
            Some(path) => self.load_artifact(path).await.map_err(load)?,
            None => self.load(id, self.bytes(app, component).await?).await.map_err(load)?,
        };
        let notices = admit::check(component, &loaded, workload.asked(id));
        let notices = notices.map_err(|error| at(&component.places, "strict_imports", error))?;
        let Opened { grants, lines } = workload.open(id, &workload.site)?;
        let identity = Identity { app: app.name.clone(), component: id.to_string() };
        let limits = limits::of(component, self.host.limits());
        if loaded.program().is_some() {
            let parts = Parts { identity, component: loaded, grants, limits };
            let linker = self.host.programs().map_err(load)?;
            return Ok((Runnable::program(self.host.engines(), linker, parts).map_err(load)?, lines, notices));
        }
        let own = self.own_linker(&loaded).map_err(|source| load(LoadError::Link(source)))?;
        let linker = match &own {
            Some(own) => own,
            None => self.host.linker(loaded.generation()).map_err(load)?,
        };
        let parts = Parts { identity, component: loaded, grants, limits };
        Ok((Runnable::new(self.host.engines(), linker, parts).map_err(load)?, lines, notices))
    }

    /// A linker of its own for a component that imports interfaces under labels, whose dependency inherits less than the component has, or
    /// that imports what this version does not have: it also answers what is labelled and what is denied.
    fn own_linker(&self, loaded: &Loaded) -> wasmtime::Result<Option<Linker<InstanceState>>> {
        let is_own = |import: &Import| import.label.is_some() || import.is_denied() || is_unavailable(import);
        if !loaded.shape().imports().iter().any(is_own) {
            return Ok(None);
        }
        let mut linker = self.host.own_linker(loaded.generation())?;
        capabilities::link_labelled(&mut linker, loaded.shape())?;
        deny(&mut linker, loaded, is_unavailable)?;
        Ok(Some(linker))
    }

    /// Compiles, or finds what was compiled before. Both block, so they leave the caller's thread.
    async fn load(&self, id: &ComponentId, bytes: Vec<u8>) -> Result<Loaded, LoadError> {
        let (loader, watcher, id) = (Arc::clone(self.host.loader()), self.watcher.clone(), id.clone());
        let tell = move |progress| {
            if let Some(watcher) = &watcher {
                watcher(&id, progress);
            }
        };
        self.elsewhere(move || loader.load(&bytes, &tell)).await
    }

    /// The file of a component that was compiled ahead of time. With others it cannot be composed any more.
    fn artifact(&self, app: &App, component: &Component) -> Option<PathBuf> {
        let is_alone = component.dependencies.is_empty() && !self.before.contains_key(&component.id);
        Sources { app, folder: self.folder, cache: self.cache }.artifact(component).filter(|_| is_alone)
    }

    /// Maps what was compiled ahead of time, which blocks too.
    async fn load_artifact(&self, path: PathBuf) -> Result<Loaded, LoadError> {
        let loader = Arc::clone(self.host.loader());
        self.elsewhere(move || loader.load_artifact(&path)).await
    }

    /// What `work` gives, done on a thread that may block. Meanwhile this one makes the linker that most components need.
    async fn elsewhere<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let working = tokio::task::spawn_blocking(work);
        // Who needs it meets its error again, and tells of it.
        let _ = self.host.linker(Generation::P2);
        joined(working.await)
    }

    /// The component with its dependencies plugged in and its middleware before it.
    async fn bytes(&self, app: &App, component: &Component) -> Result<Vec<u8>, WorkloadError> {
        let sources = Sources { app, folder: self.folder, cache: self.cache };
        let wrong = |error: AssembleError| at(&component.places, error.key(), Box::new(error));
        let bytes = sources.composed(component).await.map_err(wrong)?;
        let middleware = self.before.get(&component.id).map(Vec::as_slice).unwrap_or_default();
        sources.behind(component, bytes, middleware).await.map_err(wrong)
    }

    /// The grants of a component by key, with what the host adds: its files and the operator's environment.
    fn grants(&self, workload: &Workload, id: &ComponentId) -> Result<BTreeMap<String, Value>, WorkloadError> {
        let component = found(&workload.app, id)?;
        let mut grants = component.grants.clone();
        if let Some(assets) = &workload.assets {
            let files = files::prepare(component, self.folder, assets.path(), self.mounting);
            if let Some(files) = files.map_err(|error| at(&component.places, "files", error))? {
                grants.insert("files".to_owned(), files);
            }
        }
        if !self.environment.is_empty() {
            let environment = grants.entry("environment".to_owned()).or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Value::Object(environment) = environment {
                environment.extend(self.environment.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))));
            }
        }
        Ok(grants)
    }
}

/// What a task gave; its panic goes on here.
fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// `error` with the place of `key`.
fn at(places: &Places, key: &str, error: impl Into<WorkloadError>) -> WorkloadError {
    match places.of(key) {
        Some(place) => WorkloadError::At { place: place.clone(), source: Box::new(error.into()) },
        None => error.into(),
    }
}

fn temp_dir(folder: Option<&Path>) -> std::io::Result<TempDir> {
    folder.map_or_else(|| TempDir::with_prefix(TEMP_PREFIX), |folder| TempDir::with_prefix_in(TEMP_PREFIX, folder))
}

/// The components that a trigger calls.
fn needed(app: &App, only: &BTreeSet<ComponentId>) -> Result<BTreeSet<ComponentId>, WorkloadError> {
    if app.triggers.is_empty() {
        return Err(WorkloadError::NoTriggers);
    }
    if let Some(unknown) = only.iter().find(|id| app.component(id).is_none()) {
        return Err(WorkloadError::UnknownComponent(unknown.clone(), components(app)));
    }
    let called = |trigger: &Trigger| trigger.component.iter().chain(trigger.components.values().flatten()).cloned().collect::<Vec<_>>();
    let needed: BTreeSet<_> = app.triggers.iter().flat_map(called).filter(|id| only.is_empty() || only.contains(id)).collect();
    Ok(needed)
}

fn found<'a>(app: &'a App, id: &ComponentId) -> Result<&'a Component, WorkloadError> {
    app.component(id).ok_or_else(|| WorkloadError::UnknownComponent(id.clone(), components(app)))
}

fn components(app: &App) -> String {
    app.components.iter().map(|component| format!("`{}`", component.id)).collect::<Vec<_>>().join(", ")
}
