//! Opens the SQLite files that embedded backends keep their state in, all with the same settings: write-ahead log, durable
//! commits, bounded waits. What stands in the files is their owners' business.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coracle_engine::BindError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// How long a connection waits for another one's lock.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements that a connection keeps.
const STATEMENTS_KEPT: usize = 32;

/// Why a file cannot be used as a database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the folder {} cannot be made", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{} is a folder", .0.display())]
    IsFolder(PathBuf),
    #[error("{} is read-only", .0.display())]
    ReadOnly(PathBuf),
    #[error("{} cannot be opened as a database", .path.display())]
    Database { path: PathBuf, source: rusqlite::Error },
    #[error("a thread for {} cannot be started", .path.display())]
    Thread { path: PathBuf, source: io::Error },
}

impl OpenError {
    /// The same as the error of a start, where `what` is the operator's name for the thing.
    pub(crate) fn into_bind(self, what: String) -> BindError {
        let remedy = match &self {
            Self::Folder { .. } | Self::ReadOnly(_) => "let this user write there, or name another place (`path` or `--state-dir`)",
            Self::IsFolder(_) => "name a file in it",
            Self::Database { source, .. } if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                "it holds something else: name another file"
            }
            Self::Database { .. } => "check that this user may write the file and its folder, and that the disk is not full",
            Self::Thread { .. } => "raise the limit of threads",
        };
        BindError::Backend { what, remedy: remedy.to_owned(), source: Box::new(self) }
    }
}

/// Opens the database at `path`, which is made if it is absent, with the folders that lead to it.
pub(crate) fn open(path: &Path) -> Result<Connection, OpenError> {
    // SQLite takes a name that begins with `file:` for a URI with parameters. A path from the root begins with something else.
    let path = &std::path::absolute(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
    }
    if path.is_dir() {
        return Err(OpenError::IsFolder(path.to_owned()));
    }
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // SQLite falls back to reading only when it may not write, and would fail at the first guest's write instead of now.
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    settle(&connection).map_err(failed)?;
    Ok(connection)
}

/// The smallest page that SQLite knows.
const PAGE_BYTES_MIN: u64 = 512;

/// Keeps the database that `connection` calls `schema` from growing beyond `bytes_max`. Holds for this connection.
pub(crate) fn bound(connection: &Connection, schema: &str, bytes_max: u64) -> rusqlite::Result<()> {
    let page_bytes = connection.pragma_query_value(Some(schema), "page_size", |row| row.get::<_, i64>(0))?.unsigned_abs();
    let pages_max = i64::try_from(bytes_max / page_bytes.max(PAGE_BYTES_MIN)).unwrap_or(i64::MAX);
    connection.pragma_update(Some(schema), "max_page_count", pages_max)
}

/// What a guest may be told about a failure: its kind, and nothing of the file behind it.
pub(crate) fn public(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the storage is full",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "the storage is busy; try again",
        Some(ErrorCode::ReadOnly) => "the storage is read-only",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "the storage is damaged",
        _ => "the storage failed",
    }
}

/// The settings that every connection gets.
fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // In a write-ahead log anything less than FULL may lose the last commits with the power.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal(path: &Path) -> String {
        let error = open(path).unwrap_err().into_bind("`[key_value_store.default]`".to_owned());
        format!("{}", coracle_base::chain(&error))
    }

    #[test]
    fn makes_the_folders_and_a_durable_log() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("a/b/store.db")).unwrap();
        assert_eq!(connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap(), "wal");
        assert_eq!(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap(), 2);
    }

    #[test]
    fn names_what_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refusal(folder.path()).contains("is a folder"));

        let file = folder.path().join("notes.txt");
        std::fs::write(&file, "not a database, and longer than a header would have to be: ".repeat(20)).unwrap();
        assert!(refusal(&file).contains("name another file"));
        assert!(refusal(&file.join("below/store.db")).contains("cannot be made"));
    }

    #[test]
    fn a_name_is_never_a_uri() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file:x?mode=memory");
        drop(open(&path).unwrap());
        assert!(path.is_file());
    }
}
