//! What SQL may not do here: reach another file, change how the host keeps the database, or learn where it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ffi};

use super::super::Limits;
use crate::sqlite_file;

/// Pragmas that say or set something about a guest's own data or its own connection.
const PRAGMAS_ALLOWED: &[&str] = &[
    "analysis_limit",
    "application_id",
    "auto_vacuum",
    "case_sensitive_like",
    "collation_list",
    "compile_options",
    "count_changes",
    "data_version",
    "defer_foreign_keys",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "ignore_check_constraints",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "legacy_alter_table",
    "module_list",
    "optimize",
    "page_count",
    "pragma_list",
    "query_only",
    "quick_check",
    "recursive_triggers",
    "reverse_unordered_selects",
    "secure_delete",
    "shrink_memory",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];

/// Pragmas by which programs tune their own SQLite. The host has tuned this one: reading them is fine, setting them changes nothing
/// and is no error, so that such programs run.
const PRAGMAS_OF_THE_HOST: &[&str] = &[
    "automatic_index",
    "busy_timeout",
    "cache_size",
    "cache_spill",
    "checkpoint_fullfsync",
    "fullfsync",
    "journal_mode",
    "journal_size_limit",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "page_size",
    "read_uncommitted",
    "synchronous",
    "temp_store",
    "threads",
    "trusted_schema",
    "wal_autocheckpoint",
    "wal_checkpoint",
];

/// Functions that reach outside the database.
const FUNCTIONS_DENIED: &[&str] = &["load_extension", "fts3_tokenizer"];

/// The first database of a connection that is neither `main` nor `temp`.
const ATTACHED_FIRST: usize = 2;

/// The rules of one connection, to which it is held as long as it lives.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// What was refused last, to be told instead of SQLite's bare "not authorized".
    refusal: Arc<Mutex<Option<String>>>,
    /// Whether the host speaks, for which the rules do not count.
    is_host: Arc<AtomicBool>,
}

impl Rules {
    /// Takes what was refused last.
    pub(super) fn take_refusal(&self) -> String {
        self.refusal.lock().take().unwrap_or_else(|| "the statement does something that is not allowed here".to_owned())
    }

    /// Bounds the databases that a guest has attached, which SQLite gives no bound of their own.
    pub(super) fn bound_attached(&self, connection: &Connection, bytes_max: u64) -> rusqlite::Result<()> {
        let attached = (ATTACHED_FIRST..).map_while(|index| connection.db_name(index).ok());
        for schema in attached {
            self.is_host.store(true, SeqCst);
            let bounded = sqlite_file::bound(connection, &schema, bytes_max);
            self.is_host.store(false, SeqCst);
            bounded?;
        }
        Ok(())
    }
}

/// Holds `connection` to the rules, from now on and for good.
pub(super) fn apply(connection: &mut Connection, limits: &Limits, attach_files: bool) -> rusqlite::Result<Rules> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let whole = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, whole(limits.value_bytes_max))?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, whole(limits.statement_bytes_max))?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;

    let rules = Rules::default();
    let Rules { refusal, is_host } = rules.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| match judge(&context.action, attach_files) {
        _ if is_host.load(SeqCst) => Authorization::Allow,
        Ok(verdict) => verdict,
        Err(what) => {
            *refusal.lock() = Some(what);
            Authorization::Deny
        }
    }))?;
    Ok(rules)
}

fn judge(action: &AuthAction<'_>, attach_files: bool) -> Result<Authorization, String> {
    match action {
        // A temporary database of this connection, which VACUUM needs too.
        AuthAction::Attach { filename: "" } => Ok(Authorization::Allow),
        AuthAction::Attach { .. } if attach_files => Ok(Authorization::Allow),
        AuthAction::Attach { .. } => Err("no other database may be attached".to_owned()),
        // SQLite does not tell a name that is computed or a parameter, so it could be any.
        AuthAction::Unknown { code: ffi::SQLITE_ATTACH, .. } if attach_files => Ok(Authorization::Allow),
        AuthAction::Unknown { code: ffi::SQLITE_ATTACH, .. } => Err("no other database may be attached".to_owned()),
        AuthAction::Unknown { code, .. } if *code != ffi::SQLITE_DETACH => Err("this kind of statement is not known here".to_owned()),
        AuthAction::Function { function_name } if is_one_of(FUNCTIONS_DENIED, function_name) => {
            Err(format!("the function `{function_name}` is not allowed here"))
        }
        AuthAction::Pragma { pragma_name, .. } if is_one_of(PRAGMAS_ALLOWED, pragma_name) => Ok(Authorization::Allow),
        AuthAction::Pragma { pragma_name, pragma_value } if is_one_of(PRAGMAS_OF_THE_HOST, pragma_name) => {
            // A checkpoint is an act even without a value.
            let reads = pragma_value.is_none() && !pragma_name.eq_ignore_ascii_case("wal_checkpoint");
            Ok(if reads { Authorization::Allow } else { Authorization::Ignore })
        }
        AuthAction::Pragma { pragma_name, .. } => Err(format!("PRAGMA `{pragma_name}` is not allowed here")),
        _ => Ok(Authorization::Allow),
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
