//! Which database stands behind which label: the `[sqlite_database.<label>]` tables of the runtime configuration, and what the
//! label `default` is without one. Relative paths start at the configuration's folder, as they do for key-value stores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{Bind, BindError, Site};
use serde::Deserialize;

use super::embedded::Embedded;
use super::grant::Granted;
use super::{Error, GRANT, Limits};

/// The table of the runtime configuration.
const TABLE: &str = "sqlite_database";

/// The label that needs no configuration.
const DEFAULT_LABEL: &str = "default";

/// The file of the label `default` in the state folder, under the name that Spin gives it.
const DEFAULT_FILE: &str = "sqlite_db.db";

/// The databases of one app by label.
#[derive(Default)]
pub(super) struct Bindings(BTreeMap<String, Arc<Granted>>);

/// A table of the runtime configuration that is understood.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Backend {
    #[serde(alias = "sqlite")]
    Spin {
        /// A file, from the folder of the configuration; none is a database in memory.
        path: Option<PathBuf>,
        /// Whether guests may attach other files that this process can read.
        #[serde(default)]
        allow_attach_file: bool,
    },
    Memory {},
}

/// SQL to run before the app starts, as `--sqlite` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    /// Statements for the label `default`.
    Statements(String),
    /// A file of statements, and the label that they are for.
    File {
        /// The file.
        path: PathBuf,
        /// The label.
        label: String,
    },
}

impl Preset {
    /// Reads `statements`, `@file` or `@file:label`.
    #[must_use]
    pub fn parse(argument: &str) -> Self {
        let Some(file) = argument.strip_prefix('@') else { return Self::Statements(argument.to_owned()) };
        let (path, label) = match file.rsplit_once(':') {
            Some((path, label)) if !path.is_empty() && !label.is_empty() && !label.contains(['/', '\\']) => (path, label),
            _ => (file, DEFAULT_LABEL),
        };
        Self::File { path: path.into(), label: label.to_owned() }
    }
}

impl Bindings {
    pub(super) fn get(&self, label: &str) -> Option<Arc<Granted>> {
        self.0.get(label).cloned()
    }
}

/// Runs the SQL of `preset` before the app starts.
///
/// # Errors
/// [`BindError`] when its file cannot be read, no component was granted the label, or SQLite refuses a statement.
pub async fn preset(site: &Site, preset: Preset) -> Result<(), BindError> {
    let (statements, label, what) = match preset {
        Preset::Statements(text) => (text, DEFAULT_LABEL.to_owned(), "the SQL of `--sqlite`".to_owned()),
        Preset::File { path, label } => {
            let what = format!("the SQL file {}", path.display());
            let remedy = "check the path after `--sqlite @`".to_owned();
            let text = std::fs::read_to_string(&path).map_err(|source| refused(what.clone(), remedy, source))?;
            (text, label, what)
        }
    };
    let bindings = site.shared::<Bindings>().unwrap_or_default();
    let Some(granted) = bindings.get(&label) else {
        return Err(BindError::Refused {
            message: format!("{what} is for the SQLite database `{label}`, which no component is granted"),
            remedy: format!("add `sqlite_databases = [\"{label}\"]` to the component that uses it"),
        });
    };
    let run = async { granted.database.connect().await?.script(statements).await };
    run.await.map_err(|error: Error| refused(what, format!("mend it, or the database `{label}` ({})", granted.place), error))
}

fn refused(what: String, remedy: String, source: impl std::error::Error + Send + Sync + 'static) -> BindError {
    BindError::Backend { what, remedy, source: Box::new(source) }
}

/// Reads the configuration, and opens what components were granted.
pub(super) fn bind(bind: &mut Bind<'_>) -> Result<(), BindError> {
    let tables: BTreeMap<String, toml::Table> = bind.config.take_as(TABLE)?.unwrap_or_default();
    let backends = tables.into_iter().map(|(label, table)| Ok((label.clone(), backend(&label, table)?)));
    let mut backends: BTreeMap<String, Backend> = backends.collect::<Result<_, BindError>>()?;
    let path = bind.site.state_dir.as_ref().map(|folder| absolute(folder).join(DEFAULT_FILE));
    backends.entry(DEFAULT_LABEL.to_owned()).or_insert(Backend::Spin { path, allow_attach_file: false });

    let mut bindings = Bindings::default();
    for label in bind.labels.get(GRANT).into_iter().flatten() {
        let unbound = || BindError::Unbound { key: GRANT, label: label.clone(), table: TABLE };
        let backend = backends.get(label).ok_or_else(unbound)?;
        bindings.0.insert(label.clone(), Arc::new(open(label, backend, bind.config.folder())?));
    }
    bind.site.share(Arc::new(bindings));
    Ok(())
}

fn open(label: &str, backend: &Backend, folder: &Path) -> Result<Granted, BindError> {
    let limits = Limits::default();
    let (database, place) = match backend {
        Backend::Spin { path: Some(path), allow_attach_file } => {
            let path = absolute(&folder.join(path));
            let database = Embedded::file(&path, *allow_attach_file, limits.clone());
            (database, path.display().to_string())
        }
        Backend::Spin { path: None, allow_attach_file } => (Embedded::memory(*allow_attach_file, limits.clone()), "memory".to_owned()),
        Backend::Memory {} => (Embedded::memory(false, limits.clone()), "memory".to_owned()),
    };
    let database = database.map_err(|error| error.into_bind(format!("the SQLite database `{label}` ({place})")))?;
    Ok(Granted { label: label.to_owned(), place, database: Arc::new(database), limits })
}

/// Reads one table. A type that Spin knows and that is missing here is told apart from a mistake.
fn backend(label: &str, table: toml::Table) -> Result<Backend, BindError> {
    match table.get("type").and_then(toml::Value::as_str) {
        Some("libsql") => Err(BindError::Refused {
            message: format!("`[{TABLE}.{label}]` has the type `libsql`, which is not built yet"),
            remedy: "use the type `spin` (an SQLite file) or `memory`".to_owned(),
        }),
        _ => table.try_into().map_err(|source| BindError::Config { key: format!("{TABLE}.{label}"), source: Box::new(source) }),
    }
}

/// `path` from the root, so that it means the same when the working folder changes.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
