//! Which database stands behind which label: the `[sqlite_database.<label>]` tables of the runtime configuration, and what the
//! label `default` is without one. Relative paths start at the configuration's folder, as they do for key-value stores.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, ConfigTable, DEFAULT_LABEL, Site};

use super::grant::Granted;
use super::{Database, Error, GRANT, Limits, embedded, libsql};
use crate::backend::{Binding, Kind, Opened, absolute};

/// The table of the runtime configuration.
const TABLE: &str = "sqlite_database";

/// The same for people.
pub(super) const TABLES: &[ConfigTable] = &[ConfigTable {
    header: "[sqlite_database.<label>]",
    about: "The database behind a label. `default` needs no table: it is a file in the state folder.",
    example: "[sqlite_database.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n\n[sqlite_database.scratch]\ntype = \"memory\"\n",
}];

/// The file of the label `default` in the state folder, under the name that Spin gives it.
const DEFAULT_FILE: &str = "sqlite_db.db";

/// The databases of one app by label.
#[derive(Default)]
pub(super) struct Bindings(BTreeMap<String, Arc<Granted>>);

/// Every kind of backend.
const KINDS: &[&Kind<dyn Database>] = &[&embedded::KIND, &embedded::MEMORY, &libsql::KIND];

const BINDING: Binding<dyn Database> = Binding {
    grant: GRANT,
    table: TABLE,
    kinds: KINDS,
    default: |label, site| (label == DEFAULT_LABEL).then(|| default_table(site)),
    missing: &[],
};

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
    let granted = |(label, opened): (String, Opened<dyn Database>)| {
        let granted = Granted { label: label.clone(), place: opened.place, database: opened.backend, limits: Limits::default() };
        (label, Arc::new(granted))
    };
    let opened = BINDING.open(bind)?;
    bind.site.share(Arc::new(Bindings(opened.into_iter().map(granted).collect())));
    Ok(())
}

/// What the label `default` is: Spin's file in the state folder; without one, memory.
fn default_table(site: &Site) -> toml::Table {
    let mut table = toml::Table::new();
    table.insert("type".to_owned(), "spin".into());
    if let Some(folder) = &site.state_dir {
        table.insert("path".to_owned(), absolute(folder).join(DEFAULT_FILE).display().to_string().into());
    }
    table
}
