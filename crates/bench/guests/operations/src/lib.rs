//! Does one operation many times: `/get/500` reads a key of the store `default` so often, `/set/500` writes one, and `/row/500` selects one row
//! by its key: of the PostgreSQL or MySQL at `DATABASE_URL` where that is set, else of the SQLite database `default`. `/prepare-store/1` and
//! `/prepare-database/1` make what is read.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:bench;
            world operations {
                import wasi:keyvalue/store@0.2.0-draft;
                import spin:sqlite/sqlite@3.0.0;
                import spin:postgres/postgres@3.0.0;
                import fermyon:spin/mysql@2.0.0;
            }
        ",
        path: [
            "../../../capabilities/src/key_value/wit/wasi-keyvalue@0.2.0-draft",
            "../../../capabilities/src/sqlite/wit/spin-sqlite@3.0.0",
            "../../../capabilities/src/postgres/wit/spin-postgres@3.0.0",
            "../../../capabilities/src/mysql/wit/fermyon-spin@2.0.0",
        ],
        world: "coracle:bench/operations",
        generate_all,
    });
}

use bindings::fermyon::spin::mysql::{Connection as Mysql, ParameterValue as MysqlValue};
use bindings::spin::postgres::postgres::{Connection as Postgres, ParameterValue as PostgresValue};
use bindings::spin::sqlite::sqlite::{Connection as Sqlite, Value as SqliteValue};
use bindings::wasi::keyvalue::store;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

const VALUE: &[u8] = b"hello from the store, which is as long as many values are";

struct Operations;

wasip2::http::proxy::export!(Operations);

impl Guest for Operations {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (status, body) = match perform(&path) {
            Ok(()) => (200, "done".to_owned()),
            Err(error) => (500, error),
        };
        if let Err(error) = respond(out, status, body.as_bytes()) {
            panic!("the response was not sent: {error}");
        }
    }
}

/// A connection to the database that rows are selected from.
enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
    Mysql(Mysql),
}

impl Database {
    fn open() -> Result<Self, String> {
        match std::env::var("DATABASE_URL") {
            Ok(address) if address.starts_with("mysql:") => Mysql::open(&address).map(Self::Mysql).map_err(text),
            Ok(address) => Postgres::open(&address).map(Self::Postgres).map_err(text),
            Err(_) => Sqlite::open("default").map(Self::Sqlite).map_err(text),
        }
    }

    fn execute(&self, statement: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(database) => database.execute(statement, &[]).map(drop).map_err(text),
            Self::Postgres(database) => database.execute(statement, &[]).map(drop).map_err(text),
            Self::Mysql(database) => database.execute(statement, &[]).map_err(text),
        }
    }

    /// Selects one row by its key.
    fn row(&self) -> Result<(), String> {
        let rows = match self {
            Self::Sqlite(database) => {
                database.execute("SELECT name FROM thing WHERE id = ?", &[SqliteValue::Integer(7)]).map_err(text)?.rows.len()
            }
            Self::Postgres(database) => {
                database.query("SELECT name FROM thing WHERE id = $1", &[PostgresValue::Int32(7)]).map_err(text)?.rows.len()
            }
            Self::Mysql(database) => {
                database.query("SELECT name FROM thing WHERE id = ?", &[MysqlValue::Int32(7)]).map_err(text)?.rows.len()
            }
        };
        if rows == 1 { Ok(()) } else { Err("there is another number of rows".to_owned()) }
    }
}

fn perform(path: &str) -> Result<(), String> {
    let (what, count) = path.trim_start_matches('/').split_once('/').ok_or("ask for /OPERATION/COUNT")?;
    let count: u32 = count.parse().map_err(|_| "the count is no number")?;
    match what {
        "get" => {
            let bucket = store::open("default").map_err(text)?;
            (0..count).try_for_each(|_| match bucket.get("key").map_err(text)? {
                Some(value) if value == VALUE => Ok(()),
                _ => Err("the value is another one".to_owned()),
            })
        }
        "set" => {
            let bucket = store::open("default").map_err(text)?;
            (0..count).try_for_each(|_| bucket.set("key", VALUE).map_err(text))
        }
        "row" => {
            let database = Database::open()?;
            (0..count).try_for_each(|_| database.row())
        }
        "prepare-store" => store::open("default").and_then(|bucket| bucket.set("key", VALUE)).map_err(text),
        "prepare-database" => {
            let database = Database::open()?;
            database.execute("CREATE TABLE IF NOT EXISTS thing (id INTEGER PRIMARY KEY, name TEXT)")?;
            database.execute("INSERT INTO thing VALUES (7, 'a lamp')")
        }
        _ => Err("there is no such operation".to_owned()),
    }
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn respond(out: ResponseOutparam, status: u16, bytes: &[u8]) -> Result<(), String> {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).map_err(|()| "the status is none")?;
    let body = response.body().map_err(|()| "the body was taken before")?;
    ResponseOutparam::set(out, Ok::<_, ErrorCode>(response));
    let stream = body.write().map_err(|()| "the body's stream was taken before")?;
    stream.blocking_write_and_flush(bytes).map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))
}
