//! Which backend stands behind which label: the `[key_value_store.<label>]` tables of the runtime configuration, and what the
//! label `default` is without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{Bind, BindError, Site};
use serde::Deserialize;

use super::grant::Granted;
use super::memory::Memory;
use super::sqlite::File;
use super::{GRANT, Limits, Store};

/// The table of the runtime configuration.
const TABLE: &str = "key_value_store";

/// The label that needs no configuration.
const DEFAULT_LABEL: &str = "default";

/// The file of the label `default` in the state folder, under the name that Spin gives it.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// The stores of one app by label.
#[derive(Default)]
pub(super) struct Bindings(BTreeMap<String, Arc<Granted>>);

/// A table of the runtime configuration that is understood.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Backend {
    #[serde(alias = "sqlite")]
    Spin {
        /// A file, from the folder of the configuration; none is a store in memory.
        path: Option<PathBuf>,
    },
    Memory {},
}

/// Files that are open, so that two labels in one file share its writer.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, Arc<File>>);

impl Bindings {
    pub(super) fn get(&self, label: &str) -> Option<Arc<Granted>> {
        self.0.get(label).cloned()
    }
}

/// Sets `pairs` in the store behind `label` before the app starts, as `--key-value` asks.
///
/// # Errors
/// [`BindError`] when no component was granted the label, or the store refuses.
pub async fn preset(site: &Site, label: &str, pairs: Vec<(String, String)>) -> Result<(), BindError> {
    let bindings = site.shared::<Bindings>().unwrap_or_default();
    let Some(granted) = bindings.get(label) else {
        return Err(BindError::Refused {
            message: format!("no component is granted the key-value store `{label}`"),
            remedy: format!("add `key_value_stores = [\"{label}\"]` to the component that reads what is set"),
        });
    };
    let pairs = pairs.into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    granted.store.set_many(pairs).await.map_err(|error| BindError::Backend {
        what: format!("the key-value store `{label}` ({})", granted.place),
        remedy: "check that its disk is not full and that this user may write there".to_owned(),
        source: Box::new(error),
    })
}

/// Reads the configuration, and opens what components were granted.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let tables: BTreeMap<String, toml::Table> = bind.config.take_as(TABLE)?.unwrap_or_default();
    let backends = tables.into_iter().map(|(label, table)| Ok((label.clone(), backend(&label, table)?)));
    let mut backends: BTreeMap<String, Backend> = backends.collect::<Result<_, BindError>>()?;
    let default = Backend::Spin { path: bind.site.state_dir.as_ref().map(|folder| absolute(folder).join(DEFAULT_FILE)) };
    backends.entry(DEFAULT_LABEL.to_owned()).or_insert(default);

    let (mut bindings, mut files) = (Bindings::default(), Files::default());
    for label in bind.labels.get(GRANT).into_iter().flatten() {
        let unbound = || BindError::Unbound { key: GRANT, label: label.clone(), table: TABLE };
        let backend = backends.get(label).ok_or_else(unbound)?;
        let (store, place) = files.open(label, backend, bind.config.folder())?;
        bindings.0.insert(label.clone(), Arc::new(Granted::new(label.clone(), place, store, Limits::default())));
    }
    bind.site.share(Arc::new(bindings));
    Ok(())
}

impl Files {
    /// The store for `label`, and where it is.
    fn open(&mut self, label: &str, backend: &Backend, folder: &Path) -> Result<(Arc<dyn Store>, String), BindError> {
        let Backend::Spin { path: Some(path) } = backend else {
            return Ok((Arc::new(Memory::default()), "memory".to_owned()));
        };
        let path = absolute(&folder.join(path));
        let file = match self.0.get(&path) {
            Some(file) => Arc::clone(file),
            None => {
                let what = || format!("the key-value store `{label}` at {}", path.display());
                let file = File::open(&path).map_err(|error| error.into_bind(what()))?;
                self.0.insert(path.clone(), Arc::clone(&file));
                file
            }
        };
        Ok((Arc::new(file.store(label)), format!("sqlite {}", path.display())))
    }
}

/// Reads one table. A type that Spin knows and that is missing here is told apart from a mistake.
fn backend(label: &str, table: toml::Table) -> Result<Backend, BindError> {
    const MISSING: [&str; 3] = ["redis", "azure_cosmos", "aws_dynamo"];
    match table.get("type").and_then(toml::Value::as_str) {
        Some(kind) if MISSING.contains(&kind) => Err(BindError::Refused {
            message: format!("`[{TABLE}.{label}]` has the type `{kind}`, which is not built yet"),
            remedy: "use the type `spin` (an SQLite file) or `memory`".to_owned(),
        }),
        _ => table.try_into().map_err(|source| BindError::Config { key: format!("{TABLE}.{label}"), source: Box::new(source) }),
    }
}

/// `path` from the root, so that it means the same when the working folder changes and for two labels that spell it differently.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
