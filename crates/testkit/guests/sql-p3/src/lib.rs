//! Checks the async interfaces of SQL servers that no SDK's guest among the fixtures reaches in full: `spin:postgres` 4.2 with its builder and
//! streams, and `spin:mysql` 3. Answers `Ok`, or says what was not as expected.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:guests;
            world sql {
                import spin:postgres/postgres@4.2.0;
                import spin:mysql/mysql@3.0.0;
                export postgres: async func(address: string) -> result<_, string>;
                export mysql: async func(address: string) -> result<_, string>;
            }
        ",
        path: [
            "../../../capabilities/src/postgres/wit/spin-postgres@4.2.0",
            "../../../capabilities/src/mysql/wit/spin-mysql@3.0.0",
        ],
        world: "coracle:guests/sql",
        generate_all,
    });
}

use bindings::spin::mysql::mysql;
use bindings::spin::postgres::postgres as pg;

struct Sql;

bindings::export!(Sql with_types_in bindings);

impl bindings::Guest for Sql {
    async fn postgres(address: String) -> Result<(), String> {
        postgres(address).await
    }

    async fn mysql(address: String) -> Result<(), String> {
        my(address).await
    }
}

fn check(what: &str, holds: bool) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

async fn postgres(address: String) -> Result<(), String> {
    let denied = pg::Connection::open_async("postgres://me@db.example.com/x".to_owned()).await;
    let text = "address postgres://me@db.example.com/x is not permitted";
    check("an address that is not allowed", matches!(denied, Err(pg::Error::ConnectionFailed(told)) if told == text))?;
    let builder = pg::ConnectionBuilder::new(&address);
    check("a certificate that is none", matches!(builder.set_ca_root("nonsense"), Err(pg::Error::BadParameter(_))))?;
    let connection = builder.build_async().await.map_err(shown)?;
    let series = "SELECT n, 'row ' || n FROM generate_series(1, $1::int4) AS n".to_owned();
    let (columns, rows, end) = connection.query_async(series, vec![pg::ParameterValue::Int32(500)]).await.map_err(shown)?;
    check("the columns", matches!(&*columns, [n, text] if matches!(n.data_type, pg::DbDataType::Int32) && matches!(text.data_type, pg::DbDataType::Str)))?;
    let rows = rows.collect().await;
    end.await.map_err(shown)?;
    check("the rows", rows.len() == 500 && matches!(&*rows[499], [pg::DbValue::Int32(500), pg::DbValue::Str(text)] if text == "row 500"))?;

    // A stream that is dropped early stops its statement and sets the connection free.
    let endless = "SELECT generate_series(1, 1000000000)".to_owned();
    let (_, mut rows, end) = connection.query_async(endless, vec![]).await.map_err(shown)?;
    check("a first row", rows.next().await.is_some())?;
    drop(rows);
    end.await.map_err(shown)?;
    let changed = connection.execute_async("SELECT 1".to_owned(), vec![]).await.map_err(shown)?;
    check("the connection goes on", changed == 1)?;

    let division = "SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n".to_owned();
    let (_, rows, end) = connection.query_async(division, vec![]).await.map_err(shown)?;
    check("the rows before an error", rows.collect().await.len() == 2)?;
    let code = match end.await {
        Err(pg::Error::QueryFailed(pg::QueryError::DbError(error))) => error.code,
        other => return Err(format!("an error at the end: {other:?}")),
    };
    check("its code", code == "22012")?;
    let both = futures(&connection).await?;
    check("two calls at once on one connection", both == (1, 1))
}

/// Two calls that are under way together.
async fn futures(connection: &pg::Connection) -> Result<(u64, u64), String> {
    let one = connection.execute_async("SELECT pg_sleep(0.01)".to_owned(), vec![]);
    let other = connection.execute_async("SELECT 2".to_owned(), vec![]);
    let (one, other) = (one.await.map_err(shown)?, other.await.map_err(shown)?);
    Ok((one, other))
}

async fn my(address: String) -> Result<(), String> {
    let denied = mysql::Connection::open("mysql://me@db.example.com/x".to_owned()).await;
    let text = "address mysql://me@db.example.com/x is not permitted";
    check("an address that is not allowed", matches!(denied, Err(mysql::Error::ConnectionFailed(told)) if told == text))?;
    let connection = mysql::Connection::open(address).await.map_err(shown)?;
    connection.execute("CREATE OR REPLACE TABLE p3 (id INT UNSIGNED, v TEXT)".to_owned(), vec![]).await.map_err(shown)?;
    for index in 0..50_u32 {
        let parameters = vec![mysql::ParameterValue::Uint32(index), mysql::ParameterValue::Str(format!("row {index}"))];
        connection.execute("INSERT INTO p3 VALUES (?, ?)".to_owned(), parameters).await.map_err(shown)?;
    }
    let (columns, rows, end) = connection.query("SELECT id, v FROM p3 ORDER BY id".to_owned(), vec![]).await.map_err(shown)?;
    check("the columns", matches!(&*columns, [id, v] if id.name == "id" && matches!(v.data_type, mysql::DbDataType::Str)))?;
    let rows = rows.collect().await;
    end.await.map_err(shown)?;
    check("the rows", rows.len() == 50 && matches!(&*rows[49], [mysql::DbValue::Uint32(49), mysql::DbValue::Str(text)] if text == "row 49"))?;
    let wrong = connection.query("SELEKT".to_owned(), vec![]).await;
    check("a wrong statement", matches!(wrong, Err(mysql::Error::QueryFailed(_))))
}
