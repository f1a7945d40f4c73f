//! Runs one statement and turns what comes of it into our own values.

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::types::{Value as Bound, ValueRef};
use rusqlite::{Batch, ErrorCode, Statement, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use super::super::{Error, Row, Table, Value};
use super::Turn;
use crate::sqlite_file;

/// All rows of `sql`.
pub(super) fn table(turn: &Turn, sql: &str, parameters: Vec<Value>) -> Result<Table, Error> {
    let mut statement = prepare(turn, sql)?;
    let columns = names(&statement);
    let bytes_max = turn.limits().result_bytes_max;
    let (mut table, mut bytes) = (Table { columns, rows: Vec::new() }, 0_usize);
    each_row(turn, &mut statement, parameters, |row| {
        bytes = bytes.saturating_add(size(&row));
        if bytes > bytes_max {
            return Err(Error::ResultTooLarge { bytes_max });
        }
        table.rows.push(row);
        Ok(true)
    })?;
    Ok(table)
}

/// Sends the columns of `sql`, and then its rows as long as somebody takes them.
pub(super) fn stream(
    turn: &Turn,
    sql: &str,
    parameters: Vec<Value>,
    columns: &mut Option<oneshot::Sender<Result<Vec<String>, Error>>>,
    rows: &mpsc::Sender<Result<Row, Error>>,
) -> Result<(), Error> {
    let mut statement = prepare(turn, sql)?;
    if columns.take().is_some_and(|columns| columns.send(Ok(names(&statement))).is_err()) {
        return Ok(());
    }
    let bytes_max = turn.limits().result_bytes_max;
    each_row(turn, &mut statement, parameters, |row| {
        if size(&row) > bytes_max { Err(Error::ResultTooLarge { bytes_max }) } else { Ok(turn.send(rows, row)) }
    })
}

/// The error that a guest gets for one of SQLite.
pub(super) fn failure(turn: &Turn, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        Some(ErrorCode::OperationInterrupted) => Error::TooSlow { ms_max: turn.limits().statement_time_max.as_millis() },
        Some(ErrorCode::AuthorizationForStatementDenied) => Error::Denied { what: turn.desk.rules.take_refusal() },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory,
        ) => Error::Backend { public: sqlite_file::public(&error), internal: error.to_string() },
        _ => Error::Statement(error.to_string()),
    }
}

/// The one statement in `sql`. Not [`rusqlite::Connection::prepare`]: that looks for a second one by calling itself for each that
/// follows, and a guest decides how many follow.
fn prepare<'a>(turn: &'a Turn, sql: &str) -> Result<Statement<'a>, Error> {
    let mut statements = Batch::new(&turn.connection, sql);
    let statement = statements.next().map_err(|error| failure(turn, error))?;
    let statement = statement.ok_or_else(|| Error::Statement("there is no statement".to_owned()))?;
    match statements.next() {
        Ok(None) => Ok(statement),
        _ => Err(Error::ManyStatements),
    }
}

fn names(statement: &Statement<'_>) -> Vec<String> {
    statement.column_names().map(str::to_owned).collect()
}

/// Runs `statement` and gives `take` each row, until that answers `false`.
fn each_row(
    turn: &Turn,
    statement: &mut Statement<'_>,
    parameters: Vec<Value>,
    mut take: impl FnMut(Row) -> Result<bool, Error>,
) -> Result<(), Error> {
    let columns = names(statement);
    let parameters = params_from_iter(parameters.into_iter().map(bound));
    let mut rows = statement.query(parameters).map_err(|error| failure(turn, error))?;
    while let Some(row) = rows.next().map_err(|error| failure(turn, error))? {
        let values = columns.iter().enumerate().map(|(index, column)| {
            let value = row.get_ref(index).map_err(|error| failure(turn, error))?;
            read(value, column)
        });
        if !take(values.collect::<Result<_, _>>()?)? {
            break;
        }
    }
    Ok(())
}

fn read(value: ValueRef<'_>, column: &str) -> Result<Value, Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => {
            let text = str::from_utf8(text).map_err(|_| Error::NotUtf8 { column: column.to_owned() })?;
            Value::Text(text.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

fn bound(value: Value) -> Bound {
    match value {
        Value::Integer(number) => Bound::Integer(number),
        Value::Real(number) => Bound::Real(number),
        Value::Text(text) => Bound::Text(text),
        Value::Blob(bytes) => Bound::Blob(bytes),
        Value::Null => Bound::Null,
    }
}

/// What a row costs the host.
fn size(row: &Row) -> usize {
    let beyond = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Integer(_) | Value::Real(_) | Value::Null => 0,
    };
    row.iter().map(|value| size_of::<Value>() + beyond(value)).sum::<usize>() + size_of::<Row>()
}
