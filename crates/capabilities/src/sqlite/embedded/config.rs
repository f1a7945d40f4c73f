//! What the runtime configuration says of a database in this process.

use std::path::PathBuf;
use std::sync::Arc;

use coracle_engine::BindError;
use serde::Deserialize;

use super::Embedded;
use crate::backend::{Kind, Opened, Opening};
use crate::sqlite::{Database, Limits};

/// A database in a file, or in memory where no file is named.
pub(in crate::sqlite) const KIND: Kind<dyn Database> = Kind { types: &["spin", "sqlite"], open: open_file };
/// A database in memory.
pub(in crate::sqlite) const MEMORY: Kind<dyn Database> = Kind { types: &["memory"], open: open_memory };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// A file, from the folder of the configuration; none is a database in memory.
    path: Option<PathBuf>,
    /// Whether guests may attach other files that this process can read.
    #[serde(default)]
    allow_attach_file: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {}

fn open_file(opening: &Opening<'_>) -> Result<Opened<dyn Database>, BindError> {
    let File { path, allow_attach_file } = opening.config()?;
    let path = path.map(|path| opening.path(&path));
    let place = path.as_ref().map_or_else(|| "memory".to_owned(), |path| path.display().to_string());
    let database = match &path {
        Some(path) => Embedded::file(path, allow_attach_file, Limits::default()),
        None => Embedded::memory(allow_attach_file, Limits::default()),
    };
    let database = database.map_err(|error| error.into_bind(format!("the SQLite database `{}` ({place})", opening.label)))?;
    Ok(Opened { backend: Arc::new(database), place })
}

fn open_memory(opening: &Opening<'_>) -> Result<Opened<dyn Database>, BindError> {
    let Memory {} = opening.config()?;
    let database = Embedded::memory(false, Limits::default());
    let database = database.map_err(|error| error.into_bind(format!("the SQLite database `{}` (memory)", opening.label)))?;
    Ok(Opened { backend: Arc::new(database), place: "memory".to_owned() })
}
