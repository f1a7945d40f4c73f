//! Begins a transaction that it does not end. The path names the database, and then what to do: `leave` it open, `trap` in it, `commit` it, or
//! `count` what is there. The address is in a header.

use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "transactions", generate_all });
use fermyon::spin::{mysql, rdbms_types as rdbms, sqlite};
use spin::postgres::postgres as pg;

conformance::program!(check);

/// A connection to one of the databases.
enum Connection {
    Sqlite(sqlite::Connection),
    Postgres(pg::Connection),
    Mysql(mysql::Connection),
}

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let path = request.path_with_query().unwrap_or_default();
    let (database, act) = path.trim_start_matches('/').split_once('/').ok_or("write /database/act")?;
    let address = request.headers().get("address").pop().unwrap_or_default();
    let connection = Connection::open(database, &String::from_utf8_lossy(&address))?;
    connection.run("CREATE TABLE IF NOT EXISTS transactions (v INT)")?;
    match act {
        "count" => return Ok(connection.count()?.to_string().into_bytes()),
        "commit" => {
            connection.run("BEGIN")?;
            connection.run("INSERT INTO transactions VALUES (1)")?;
            connection.run("COMMIT")?;
        }
        _ => {
            connection.run("BEGIN")?;
            connection.run("INSERT INTO transactions VALUES (1)")?;
            assert_ne!(act, "trap", "as it was told to");
            // The connection is not even dropped.
            std::mem::forget(connection);
        }
    }
    Ok(Vec::new())
}

impl Connection {
    fn open(database: &str, address: &str) -> Result<Self, String> {
        match database {
            "sqlite" => sqlite::Connection::open("default").map(Self::Sqlite).map_err(shown),
            "postgres" => pg::Connection::open(address).map(Self::Postgres).map_err(shown),
            _ => mysql::Connection::open(address).map(Self::Mysql).map_err(shown),
        }
    }

    fn run(&self, statement: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(connection) => connection.execute(statement, &[]).map(drop).map_err(shown),
            Self::Postgres(connection) => connection.execute(statement, &[]).map(drop).map_err(shown),
            Self::Mysql(connection) => connection.execute(statement, &[]).map_err(shown),
        }
    }

    fn count(&self) -> Result<i64, String> {
        let statement = "SELECT COUNT(*) FROM transactions";
        let count = match self {
            Self::Sqlite(connection) => match connection.execute(statement, &[]).map_err(shown)?.rows.first().and_then(|row| row.values.first()) {
                Some(sqlite::Value::Integer(count)) => Some(*count),
                _ => None,
            },
            Self::Postgres(connection) => match connection.query(statement, &[]).map_err(shown)?.rows.first().and_then(|row| row.first()) {
                Some(pg::DbValue::Int64(count)) => Some(*count),
                _ => None,
            },
            Self::Mysql(connection) => match connection.query(statement, &[]).map_err(shown)?.rows.first().and_then(|row| row.first()) {
                Some(rdbms::DbValue::Int64(count)) => Some(*count),
                _ => None,
            },
        };
        count.ok_or_else(|| "no count".to_owned())
    }
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
