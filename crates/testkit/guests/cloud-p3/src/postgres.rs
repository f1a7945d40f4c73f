//! `wasmcloud:postgres` 0.2.0.

use super::bindings::wasmcloud::postgres::types::{DbError, Error, PgValue, Row};
use super::bindings::wasmcloud::postgres::{prepared, query};
use super::{both, check, shown};

/// The columns and rows of a statement that does not fail.
async fn table(statement: &str, parameters: Vec<PgValue>) -> Result<(Vec<String>, Vec<Row>), String> {
    let (columns, rows, end) = query::query(statement.to_owned(), parameters).await.map_err(shown)?;
    let rows = rows.collect().await;
    end.await.map_err(shown)?;
    Ok((columns, rows))
}

async fn change(statement: &str) -> Result<(), String> {
    table(statement, vec![]).await.map(drop)
}

/// The only value of a statement.
async fn value(statement: &str) -> Result<PgValue, String> {
    let (_, mut rows) = table(statement, vec![]).await?;
    rows.pop().and_then(|mut row| row.pop()).ok_or_else(|| format!("`{statement}` has no value"))
}

async fn count(statement: &str) -> Result<i64, String> {
    match value(statement).await? {
        PgValue::Int8(count) => Ok(count),
        other => Err(format!("{other:?} is no count")),
    }
}

pub(super) async fn check_all() -> Result<(), String> {
    streams().await?;
    errors().await?;
    transactions().await?;
    one_session().await
}

async fn streams() -> Result<(), String> {
    let series = "SELECT n, 'row ' || n AS told, n::float8 / 2 FROM generate_series(1, $1::int4) AS n";
    let (columns, rows) = table(series, vec![PgValue::Int4(500)]).await?;
    check("the columns", columns == ["n", "told", "?column?"])?;
    let half_of_three = (3 << 51, -52, 1);
    check("the rows", rows.len() == 500)?;
    check(
        "a row",
        matches!(&*rows[2], [PgValue::Int4(3), PgValue::Text(text), PgValue::Float8(half)] if text == "row 3" && *half == half_of_three),
    )?;
    let (columns, rows) = table("SELECT 1 AS one WHERE false", vec![]).await?;
    check("no rows", columns == ["one"] && rows.is_empty())?;
    let kinds = "SELECT NULL::text, ARRAY[1, 2], DATE '2024-02-29', '{\"a\": 1}'::jsonb, 1.50::numeric";
    let (_, rows) = table(kinds, vec![]).await?;
    check(
        "values",
        matches!(&*rows[0], [PgValue::Null, PgValue::Int4Array(list), PgValue::Date(_), PgValue::Jsonb(_), PgValue::Numeric(number)] if *list == [1, 2] && number == "1.50"),
    )?;

    // A stream that is dropped early stops its statement and sets the session free.
    let endless = "SELECT generate_series(1, 1000000000)".to_owned();
    let (_, mut rows, end) = query::query(endless, vec![]).await.map_err(shown)?;
    check("a first row", rows.next().await.is_some())?;
    drop(rows);
    end.await.map_err(shown)?;
    check("the session goes on", count("SELECT 1::int8").await? == 1)
}

async fn errors() -> Result<(), String> {
    let division = "SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n".to_owned();
    let (_, rows, end) = query::query(division, vec![]).await.map_err(shown)?;
    check("the rows before an error", rows.collect().await.len() == 2)?;
    let divided = end.await;
    check(
        "an error at the end",
        matches!(&divided, Err(Error::QueryFailed(DbError { code, severity, .. })) if code == "22012" && severity == "ERROR"),
    )?;
    let (_, rows, end) = query::query("SELECT 1::money".to_owned(), vec![]).await.map_err(shown)?;
    check("no row of a type without a form", rows.collect().await.is_empty())?;
    check("a type without a form", matches!(end.await, Err(Error::ValueConversionFailed(text)) if text.contains("`money`")))?;
    let wrong = query::query("SELEKT".to_owned(), vec![]).await;
    check("a wrong statement", matches!(wrong, Err(Error::QueryFailed(DbError { code, .. })) if code == "42601"))?;
    let few = query::query("SELECT $1::int4".to_owned(), vec![]).await;
    check("too few parameters", matches!(few, Err(Error::InvalidParams(_))))?;
    let batch = query::query_batch("SELECT 1; SELECT 1 / 0".to_owned()).await;
    check("a batch that fails", matches!(batch, Err(Error::QueryFailed(DbError { code, .. })) if code == "22012"))?;
    let unknown = prepared::exec("made-up".to_owned(), vec![]).await;
    check("a statement that nobody prepared", matches!(unknown, Err(Error::UnknownPreparedStatement)))
}

/// Several calls are one transaction, since all of an instance share a session.
async fn transactions() -> Result<(), String> {
    query::query_batch("DROP TABLE IF EXISTS cloud_p3; CREATE TABLE cloud_p3 (id int8, v varchar)".to_owned()).await.map_err(shown)?;
    let insert = prepared::prepare("INSERT INTO cloud_p3 VALUES ($1, $2)".to_owned()).await.map_err(shown)?;
    let row = |id| vec![PgValue::BigInt(id), PgValue::Varchar((None, format!("row {id}").into_bytes()))];
    for (end, expected) in [("ROLLBACK", 0), ("COMMIT", 2)] {
        change("BEGIN").await?;
        for id in 0..2 {
            check("a row", prepared::exec(insert.clone(), row(id)).await.map_err(shown)? == 1)?;
        }
        check("the rows inside", count("SELECT count(*) FROM cloud_p3").await? == 2)?;
        change(end).await?;
        check(end, count("SELECT count(*) FROM cloud_p3").await? == expected)?;
    }
    let found = value("SELECT v FROM cloud_p3 ORDER BY id DESC LIMIT 1").await?;
    check("what was kept", matches!(found, PgValue::Varchar((None, text)) if text == b"row 1"))
}

/// Calls that are under way together wait for each other.
async fn one_session() -> Result<(), String> {
    let process = || async { value("SELECT pg_backend_pid()").await };
    let (one, other) = both(process(), process()).await;
    check("one session", matches!((one?, other?), (PgValue::Int4(one), PgValue::Int4(other)) if one == other))
}
