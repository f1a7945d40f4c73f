//! What the engine asks of a capability: its name, its interfaces, its policy and its part of the runtime configuration.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use wasmtime::component::{Linker, LinkerInstance};

use crate::shape::versions_agree;
use crate::world::released;
use crate::{About, Bound, ConfigTable, Generation, Identity, Import, InstanceState, Label, Linkable};

/// One thing a host can do for a guest. Values of this trait stand in one list, and the linker, admission, reference pages and
/// start-up tables are made from that list alone.
pub trait Capability: Sync + 'static {
    /// The key of this capability in a component's grants, such as `key-value`.
    fn name(&self) -> &'static str;

    /// The interfaces that this capability answers, in every version.
    fn interfaces(&self) -> &'static [Interface];

    /// Adds the host functions to `linker`. Called once for each engine; an engine of [`Generation::P2`] has no
    /// component-model-async, so async interfaces are linked for [`Generation::P3`] only.
    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()>;

    /// The interfaces of it that a component may import under a label.
    fn labelled(&self) -> &'static [Labelled] {
        &[]
    }

    /// Adds to `linker` what `import` has, which is one of [`Capability::labelled`]. Its functions see instances by [`Label::view`], and do
    /// what the label says. Called once for each import under a label.
    fn link_labelled(&self, _linker: &mut LinkerInstance<'_, InstanceState>, _import: &Import, _label: Label) -> wasmtime::Result<()> {
        Ok(())
    }

    /// Reads this capability's part of the runtime configuration and leaves what its grants need in the site. Called once for
    /// each app, in the order of the list, before any [`Capability::grant`].
    fn bind(&self, _bind: &mut Bind<'_>) -> Result<(), BindError> {
        Ok(())
    }

    /// Checks what a manifest asks for. Called once for each component; `None` means that the component was not granted it.
    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError>;

    /// Starts what this capability counts for each invocation anew. Called when `instance` is used for another one; state that the
    /// instance has not opened yet has nothing to renew.
    fn renew(&self, _instance: &mut InstanceState) {}

    /// What `instance` may link of this capability at run time; `None` where a guest always names what it means.
    fn linkable<'i>(&self, _instance: &'i mut InstanceState) -> Option<Linkable<'i>> {
        None
    }

    /// Whether a call decides what calls of other interfaces do, so that one part of a composed component would steer the others.
    fn steers_other_parts(&self) -> bool {
        false
    }

    /// What the reference page says.
    fn about(&self) -> About;

    /// The tables of the runtime configuration that it reads, for the reference page.
    fn tables(&self) -> &'static [ConfigTable] {
        &[]
    }

    /// The bounds on what a guest may ask, for the reference page.
    fn bounds(&self) -> Vec<Bound> {
        Vec::new()
    }

    /// The folder below `examples/` of a small app that uses it.
    fn example_app(&self) -> &'static str {
        self.name()
    }
}

/// What one component was allowed, ready to be given to each of its instances.
pub trait Grant: Send + Sync {
    /// The type of the state that [`Grant::open`] makes.
    fn state(&self) -> TypeId;

    /// Makes the state of this capability for one instance. Called when the guest first uses the capability, not before.
    fn open(&self, identity: &Arc<Identity>) -> Box<dyn Any + Send>;

    /// What a start-up table says about this grant, such as `default → sqlite .coracle/key_value.db`. Never a secret.
    fn describe(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One WIT interface that a capability answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// The name without a version, such as `wasi:keyvalue/store`.
    pub name: &'static str,
    /// The versions that link, as they stand in the WIT (`0.2.12` also answers every other `0.2.x`). Empty: unversioned.
    pub versions: &'static [&'static str],
    /// The key under which a manifest grants it; `None` for an interface that needs no grant, such as clocks.
    pub granted_by: Option<&'static str>,
}

/// An interface that may be imported under a label, which then says what the functions of that import are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Labelled {
    /// The name without a version.
    pub name: &'static str,
    /// Whether a component does not load without a grant of the label: the functions have no error that could tell of it.
    pub is_required: bool,
}

impl Interface {
    /// Whether an import of `name` at `version` is this interface.
    #[must_use]
    pub fn answers(&self, name: &str, version: Option<&str>) -> bool {
        self.name == name
            && match version {
                None => self.versions.is_empty(),
                Some(version) => {
                    let version = released(name, version);
                    self.versions.iter().any(|known| versions_agree(known, version))
                }
            }
    }
}

/// What [`Capability::grant`] is asked.
#[derive(Debug)]
pub struct GrantRequest<'a> {
    /// The component that asks.
    pub component: &'a str,
    /// Every grant of the component by key, so that a capability whose policy stands under several keys sees them all.
    pub grants: &'a BTreeMap<String, Value>,
    /// What the app's capabilities share.
    pub site: &'a Site,
}

impl GrantRequest<'_> {
    /// What the manifest says under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.grants.get(key)
    }

    /// What the manifest says under `key`, which must be a list of strings; absent means empty.
    ///
    /// # Errors
    /// [`GrantError::Shape`] when it is anything else.
    pub fn strings(&self, key: &'static str) -> Result<Vec<String>, GrantError> {
        let Some(value) = self.grants.get(key) else { return Ok(Vec::new()) };
        let wrong = || GrantError::Shape { component: self.component.to_owned(), key, expected: "a list of strings" };
        let list = value.as_array().ok_or_else(wrong)?;
        list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    /// What the manifest says under `key`, which must be a table of strings; absent means empty.
    ///
    /// # Errors
    /// [`GrantError::Shape`] when it is anything else.
    pub fn table(&self, key: &'static str) -> Result<BTreeMap<String, String>, GrantError> {
        let Some(value) = self.grants.get(key) else { return Ok(BTreeMap::new()) };
        let wrong = || GrantError::Shape { component: self.component.to_owned(), key, expected: "a table of strings" };
        let table = value.as_object().ok_or_else(wrong)?;
        table.iter().map(|(name, item)| item.as_str().map(|text| (name.clone(), text.to_owned())).ok_or_else(wrong)).collect()
    }
}

/// Why a component cannot have what its manifest asks for.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The value of a grant has the wrong shape.
    #[error("component `{component}`: `{key}` must be {expected}")]
    Shape {
        /// The component that asks.
        component: String,
        /// The key of the grant.
        key: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// The value is well formed and asks for something that cannot be given.
    #[error("component `{component}`: {message}; {remedy}")]
    Refused {
        /// The component that asks.
        component: String,
        /// What is wrong, naming the thing.
        message: String,
        /// The way out.
        remedy: String,
    },
}

/// What one app's capabilities share: where its state lives and what the runtime configuration bound. One value per app.
#[derive(Default)]
pub struct Site {
    /// The name of the app.
    pub app: String,
    /// Where embedded backends keep their files; `None` keeps everything in memory.
    pub state_dir: Option<PathBuf>,
    shared: Shared,
    /// What the app's last binding shared, while a new one is made.
    before: Shared,
}

/// One value of each type.
type Shared = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("app", &self.app).field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}

impl Site {
    /// Leaves `value` for other capabilities and for later grants; one value of each type.
    pub fn share<T: Any + Send + Sync>(&mut self, value: Arc<T>) {
        self.shared.insert(TypeId::of::<T>(), value);
    }

    /// What an earlier capability left here.
    #[must_use]
    pub fn shared<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        find(&self.shared)
    }

    /// What the same app's last binding left for others, when its runtime configuration is applied anew: a store in memory, or a pool of
    /// connections, is taken over where nothing about it changed.
    #[must_use]
    pub fn before<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        find(&self.before)
    }

    /// Lets capabilities find what `previous` shares, which is the same app's, by [`Site::before`].
    pub fn follow(&mut self, previous: &Self) {
        self.before.clone_from(&previous.shared);
    }

    /// Ends [`Site::follow`], so that what nobody took over is let go.
    pub fn settle(&mut self) {
        self.before = Shared::new();
    }
}

fn find<T: Any + Send + Sync>(shared: &Shared) -> Option<Arc<T>> {
    shared.get(&TypeId::of::<T>()).cloned().and_then(|value| value.downcast().ok())
}

/// What [`Capability::bind`] works with.
pub struct Bind<'a> {
    /// Where results are left.
    pub site: &'a mut Site,
    /// The operator's configuration; every key that is taken counts as known.
    pub config: &'a mut RuntimeConfig,
    /// The labels that components were granted, by grant key, so that a label without a backend is found at start.
    pub labels: &'a BTreeMap<String, BTreeSet<String>>,
}

/// The operator's runtime configuration (`--runtime-config-file`), from which each capability takes its tables. What nobody took
/// is an error.
#[derive(Debug, Default, Clone)]
pub struct RuntimeConfig {
    path: Option<PathBuf>,
    table: toml::Table,
}

impl RuntimeConfig {
    /// A configuration read from `path`; relative paths in it start at its folder.
    #[must_use]
    pub fn new(table: toml::Table, path: Option<PathBuf>) -> Self {
        Self { path, table }
    }

    /// The folder against which relative paths are resolved.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new(""))
    }

    /// The files that the configuration names and that count as parts of it, such as certificates.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        named_files(&self.table, self.folder())
    }

    /// Takes the value of `key` out of the configuration.
    pub fn take(&mut self, key: &str) -> Option<toml::Value> {
        self.table.remove(key)
    }

    /// Takes the value of `key`, read as `T`.
    ///
    /// # Errors
    /// [`BindError::Config`] when it does not read as `T`.
    pub fn take_as<T: serde::de::DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, BindError> {
        self.take(key)
            .map(|value| value.try_into().map_err(|source| BindError::Config { key: key.to_owned(), source: Box::new(source) }))
            .transpose()
    }

    /// The keys that nobody took.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }
}

/// The files that `table` names under keys that end in `_file` or `_path`, from `folder`. What stands under `path` alone is a backend's own
/// data, and no part of the configuration.
#[must_use]
pub fn named_files(table: &toml::Table, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect_named(table, folder, &mut found);
    found
}

fn collect_named(table: &toml::Table, folder: &Path, found: &mut Vec<PathBuf>) {
    for (key, value) in table {
        match value {
            toml::Value::String(path) if key.ends_with("_file") || key.ends_with("_path") => found.push(folder.join(path)),
            toml::Value::Table(table) => collect_named(table, folder, found),
            toml::Value::Array(items) => {
                items.iter().filter_map(toml::Value::as_table).for_each(|table| collect_named(table, folder, found))
            }
            _ => {}
        }
    }
}

/// Why a runtime configuration cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A table does not read.
    #[error("runtime configuration: `{key}` is not understood")]
    Config {
        /// The key of the table.
        key: String,
        /// What is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// A label of the manifest has no backend.
    #[error("`{label}` under `{key}` has no backend; add `[{table}.{label}]` to the runtime configuration")]
    Unbound {
        /// The grant key.
        key: &'static str,
        /// The label that a component was granted.
        label: String,
        /// The table of the runtime configuration that would bind it.
        table: &'static str,
    },
    /// A backend refuses its configuration or cannot be opened.
    #[error("{what} cannot be used; {remedy}")]
    Backend {
        /// The thing, by the name that the operator gave it.
        what: String,
        /// The way out.
        remedy: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else that the operator can mend.
    #[error("{message}; {remedy}")]
    Refused {
        /// What is wrong, naming the thing.
        message: String,
        /// The way out.
        remedy: String,
    },
}
