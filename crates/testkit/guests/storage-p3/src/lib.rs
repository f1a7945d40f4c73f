//! Checks the interfaces that hold data and that no SDK's guest among the fixtures reaches: SQLite 3.1 with its async functions, and
//! `wasi:keyvalue` draft 2 with cursors, batches and compare-and-swap, and `wasmcloud:keyvalue` 0.2. Answers `Ok`, or says what was not as expected.

mod wasmcloud;

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:guests;
            world storage {
                import spin:sqlite/sqlite@3.1.0;
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
                import wasmcloud:keyvalue/types@0.2.0;
                import wasmcloud:keyvalue/store@0.2.0;
                import wasmcloud:keyvalue/atomics@0.2.0;
                import wasmcloud:keyvalue/cas@0.2.0;
                import wasmcloud:keyvalue/batch@0.2.0;
                export sql: async func() -> result<_, string>;
                export kv: async func() -> result<_, string>;
                export wasmcloud-kv: async func() -> result<_, string>;
                export wasmcloud-kv-ends: async func() -> result<_, string>;
            }
        ",
        path: [
            "../../../capabilities/src/sqlite/wit/spin-sqlite@3.1.0",
            "../../../capabilities/src/key_value/wit/wasi-keyvalue@0.2.0-draft2",
            "../../../capabilities/src/key_value/wit/wasmcloud-keyvalue@0.2.0",
        ],
        world: "coracle:guests/storage",
        generate_all,
    });
}

use bindings::spin::sqlite::sqlite::{Connection, Error as SqlError, Value};
use bindings::wasi::keyvalue::{atomics, batch, store};

struct Storage;

bindings::export!(Storage with_types_in bindings);

impl bindings::Guest for Storage {
    async fn sql() -> Result<(), String> {
        sql().await
    }

    async fn kv() -> Result<(), String> {
        key_values()
    }

    async fn wasmcloud_kv() -> Result<(), String> {
        wasmcloud::key_values().await
    }

    async fn wasmcloud_kv_ends() -> Result<(), String> {
        wasmcloud::values_that_end().await
    }
}

fn check(what: &str, holds: bool) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

async fn sql() -> Result<(), String> {
    check("a label that was not granted", matches!(Connection::open_async("other".to_owned()).await, Err(SqlError::AccessDenied)))?;
    let connection = Connection::open_async("default".to_owned()).await.map_err(shown)?;
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)", &[]).map_err(shown)?;
    for index in 0..50 {
        let text = Value::Text(format!("row {index}"));
        let (_, rows, end) = connection.execute_async("INSERT INTO t (v) VALUES (?)".to_owned(), vec![text]).await.map_err(shown)?;
        check("an INSERT without rows", rows.collect().await.is_empty())?;
        end.await.map_err(shown)?;
    }
    check("the row id", connection.last_insert_rowid_async().await == 50 && connection.last_insert_rowid() == 50)?;
    check("the changes", connection.changes_async().await == 1 && connection.changes() == 1)?;

    let all = "SELECT id, v FROM t ORDER BY id".to_owned();
    let (columns, rows, end) = connection.execute_async(all, vec![]).await.map_err(shown)?;
    let rows = rows.collect().await;
    end.await.map_err(shown)?;
    check("the columns", columns == ["id", "v"])?;
    check("the rows", rows.len() == 50 && matches!(&*rows[49].values, [Value::Integer(50), Value::Text(text)] if text == "row 49"))?;

    // A stream that is dropped early stops its statement and sets the connection free.
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n".to_owned();
    let (_, mut rows, end) = connection.execute_async(endless, vec![]).await.map_err(shown)?;
    check("a first row", rows.next().await.is_some())?;
    drop(rows);
    end.await.map_err(shown)?;
    let count = connection.execute("SELECT count(*) FROM t", &[]).map_err(shown)?;
    check("the count", matches!(&*count.rows[0].values, [Value::Integer(50)]))?;

    let overflow = "SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))".to_owned();
    let (_, rows, end) = connection.execute_async(overflow, vec![]).await.map_err(shown)?;
    check("the row before an error", rows.collect().await.len() == 1)?;
    check("an error at the end", matches!(end.await, Err(SqlError::Io(text)) if text.contains("overflow")))?;
    let wrong = connection.execute_async("SELEKT".to_owned(), vec![]).await;
    check("a wrong statement", matches!(wrong, Err(SqlError::Io(_))))
}

fn key_values() -> Result<(), String> {
    check("a label that was not granted", matches!(store::open("other"), Err(store::Error::AccessDenied)))?;
    let bucket = store::open("default").map_err(shown)?;
    let pairs: Vec<_> = (0..300).map(|index| (format!("key-{index:04}"), vec![1])).collect();
    for part in pairs.chunks(100) {
        batch::set_many(&bucket, part).map_err(shown)?;
    }
    let page = bucket.list_keys(None).map_err(shown)?;
    check("all keys in one page", page.keys.len() == 300 && page.cursor.is_none())?;
    check("a cursor that was made up", matches!(bucket.list_keys(Some("0")), Err(store::Error::Other(_))))?;
    let asked = ["key-0001".to_owned(), "absent".to_owned()];
    let found = batch::get_many(&bucket, &asked).map_err(shown)?;
    check("a batch", found == [("key-0001".to_owned(), Some(vec![1])), ("absent".to_owned(), None)])?;
    batch::delete_many(&bucket, &asked).map_err(shown)?;
    check("a deleted key", bucket.exists("key-0001").ok() == Some(false))?;

    check("a sum", atomics::increment(&bucket, "n", 10).ok() == Some(10) && atomics::increment(&bucket, "n", -15).ok() == Some(-5))?;
    check("no number", matches!(atomics::increment(&bucket, "key-0002", 1), Err(store::Error::Other(_))))?;

    // Two begin with the same absent key; the second to swap loses, and wins with the handle that it gets back.
    let [one, two] = ["one", "two"].map(|_| atomics::Cas::new(&bucket, "fresh"));
    let (one, two) = (one.map_err(shown)?, two.map_err(shown)?);
    check("an absent key", one.current().ok() == Some(None) && two.current().ok() == Some(None))?;
    atomics::swap(one, b"one").map_err(|_| "the first swap".to_owned())?;
    let again = match atomics::swap(two, b"two") {
        Err(atomics::CasError::CasFailed(again)) => again,
        _ => return Err("a swap that came too late".to_owned()),
    };
    check("the value in between", again.current().ok() == Some(Some(b"one".to_vec())))?;
    atomics::swap(again, b"two").map_err(|_| "the second swap".to_owned())?;
    check("the last value", bucket.get("fresh").ok() == Some(Some(b"two".to_vec())))
}
