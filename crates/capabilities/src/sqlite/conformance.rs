//! What every [`Database`] must do, on each backend: a new one is one more line in [`backends`].

use std::sync::Arc;
use std::time::Duration;

use super::embedded::Embedded;
use super::{Connection, Database, Error, Limits, Row, Table, Value, libsql};

/// Counts for ever.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";

/// Counts for ever, and has nothing to show for it.
const SILENT: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0";

type Backends = Vec<(&'static str, Arc<dyn Database>)>;

/// Every backend, each with a fresh database, and what must outlive it.
async fn backends(limits: &Limits) -> (Backends, tempfile::TempDir) {
    let (mut backends, folder) = embedded(limits);
    backends.push(("libsql", libsql::tests::database(folder.path(), limits.clone()).await));
    (backends, folder)
}

/// Those in this process. What a server streams, stops and allows is its own affair.
fn embedded(limits: &Limits) -> (Backends, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = Embedded::file(&folder.path().join("database.db"), false, limits.clone()).unwrap();
    let memory = Embedded::memory(false, limits.clone()).unwrap();
    (vec![("file", Arc::new(file)), ("memory", Arc::new(memory))], folder)
}

async fn standard() -> (Backends, tempfile::TempDir) {
    backends(&Limits::default()).await
}

async fn run(connection: &Arc<dyn Connection>, statement: &str) -> Result<Table, Error> {
    connection.execute(statement.to_owned(), vec![]).await
}

async fn number(connection: &Arc<dyn Connection>, query: &str) -> i64 {
    match run(connection, query).await.unwrap().rows.as_slice() {
        [row] if matches!(row.as_slice(), [Value::Integer(_)]) => {
            let [Value::Integer(number)] = row.as_slice() else { unreachable!() };
            *number
        }
        other => panic!("{query}: {other:?}"),
    }
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    let (backends, _folder) = standard().await;
    let values: Row = vec![
        Value::Integer(i64::MIN),
        Value::Integer(i64::MAX),
        Value::Real(-0.5),
        Value::Text(String::new()),
        Value::Text("a\0b; '\" é".to_owned()),
        Value::Blob(vec![]),
        Value::Blob(vec![0, 255, 0]),
        Value::Null,
    ];
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        run(&connection, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)").await.unwrap();
        for value in &values {
            connection.execute("INSERT INTO t (v) VALUES (?)".to_owned(), vec![value.clone()]).await.unwrap();
        }
        let table = run(&connection, "SELECT v, id AS \"the id\" FROM t ORDER BY id").await.unwrap();
        assert_eq!(table.columns, ["v", "the id"], "{name}");
        let found: Row = table.rows.into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(found, values, "{name}");
        let infinite = connection.execute("SELECT ?".to_owned(), vec![Value::Real(f64::INFINITY)]).await;
        // JSON has no form for it.
        let is_refused = matches!(infinite, Err(Error::Statement(_)));
        assert!(is_refused == (name == "libsql") && (is_refused || infinite.unwrap().rows == [[Value::Real(f64::INFINITY)]]), "{name}");
    }
}

#[tokio::test]
async fn parameters_stand_by_position() {
    let (backends, _folder) = standard().await;
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let two = || vec![Value::Integer(1), Value::Text("x".to_owned())];
        let table = connection.execute("SELECT ?2, ?1".to_owned(), two()).await.unwrap();
        assert_eq!(table.rows, [vec![Value::Text("x".to_owned()), Value::Integer(1)]], "{name}");
        for wrong in ["SELECT ?", "SELECT ?, ?, ?"] {
            let error = connection.execute(wrong.to_owned(), two()).await.unwrap_err();
            assert!(matches!(error, Error::Statement(_)), "{name}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_call_is_one_statement() {
    let (backends, _folder) = standard().await;
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        run(&connection, "CREATE TABLE t (v); -- and no more\n ; ").await.unwrap();
        for many in ["INSERT INTO t VALUES (1); DELETE FROM t".to_owned(), "SELECT 1;".repeat(100_000)] {
            assert_eq!(run(&connection, &many).await, Err(Error::ManyStatements), "{name}");
        }
        assert_eq!(number(&connection, "SELECT count(*) FROM t").await, 0, "{name}: nothing ran");
        for none in ["", " -- nothing", ";;;"] {
            assert!(matches!(run(&connection, none).await, Err(Error::Statement(_))), "{name}: {none:?}");
        }
        let long = format!("SELECT '{}'", "x".repeat(2 << 20));
        assert!(run(&connection, &long).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn an_error_is_told_in_the_words_of_sqlite() {
    let (backends, _folder) = standard().await;
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        run(&connection, "CREATE TABLE t (v UNIQUE)").await.unwrap();
        run(&connection, "INSERT INTO t VALUES (1)").await.unwrap();
        let text = run(&connection, "INSERT INTO t VALUES (1)").await.unwrap_err().to_string();
        assert!(text.contains("UNIQUE constraint failed: t.v"), "{name}: {text}");
        let text = run(&connection, "SELEKT 1").await.unwrap_err().to_string();
        assert!(text.contains("syntax error"), "{name}: {text}");
    }
}

#[tokio::test]
async fn connections_share_what_is_committed_and_nothing_else() {
    let (backends, _folder) = standard().await;
    for (name, database) in backends {
        let (one, two) = (database.connect().await.unwrap(), database.connect().await.unwrap());
        run(&one, "CREATE TABLE t (v)").await.unwrap();
        run(&one, "CREATE TEMP TABLE mine (v)").await.unwrap();
        assert!(run(&two, "SELECT * FROM mine").await.is_err(), "{name}");
        run(&one, "BEGIN").await.unwrap();
        run(&one, "INSERT INTO t VALUES (1)").await.unwrap();
        drop(one);
        // The connection closes on the thread that last used it.
        assert_eq!(number(&two, "SELECT count(*) FROM t").await, 0, "{name}: an open transaction is undone");
        run(&two, "INSERT INTO t VALUES (2)").await.unwrap();
        assert_eq!(number(&database.connect().await.unwrap(), "SELECT count(*) FROM t").await, 1, "{name}");
    }
}

#[tokio::test]
async fn it_tells_what_a_statement_changed() {
    let (backends, _folder) = standard().await;
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        assert_eq!((connection.last_insert_rowid(), connection.changes()), (0, 0), "{name}");
        run(&connection, "CREATE TABLE t (id INTEGER PRIMARY KEY)").await.unwrap();
        run(&connection, "INSERT INTO t VALUES (7), (9)").await.unwrap();
        for (statement, changes) in
            [("SELECT * FROM t", 2), ("WITH w AS (SELECT 7) SELECT * FROM w", 2), ("UPDATE t SET id = id WHERE id < 0", 0)]
        {
            assert_eq!((connection.last_insert_rowid(), connection.changes()), (9, 2), "{name}");
            run(&connection, statement).await.unwrap();
            assert_eq!((connection.last_insert_rowid(), connection.changes()), (9, changes), "{name}: {statement}");
        }
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_is_an_error_with_a_way_out() {
    let (backends, _folder) = embedded(&Limits::default());
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let error = run(&connection, "SELECT CAST(x'ff41' AS TEXT) AS t").await.unwrap_err();
        assert_eq!(error, Error::NotUtf8 { column: "t".to_owned() }, "{name}");
        let table = run(&connection, "SELECT CAST(CAST(x'ff41' AS TEXT) AS BLOB)").await.unwrap();
        assert_eq!(table.rows, [vec![Value::Blob(vec![0xff, 0x41])]], "{name}");
    }
}

#[tokio::test]
async fn a_result_is_bounded_and_a_stream_of_it_is_not() {
    let (backends, _folder) = backends(&Limits { result_bytes_max: 10_000, ..Limits::default() }).await;
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let large = [format!("{ENDLESS} LIMIT 500"), "SELECT zeroblob(20000)".to_owned()];
        for statement in &large {
            assert_eq!(run(&connection, statement).await, Err(Error::ResultTooLarge { bytes_max: 10_000 }), "{name}");
        }
        assert_eq!(number(&connection, "SELECT 1").await, 1, "{name}: the connection goes on");
        if name == "libsql" {
            continue;
        }
        assert_eq!(run(&connection, ENDLESS).await, Err(Error::ResultTooLarge { bytes_max: 10_000 }), "{name}");
        assert!(run(&connection, "SELECT zeroblob(900000000)").await.is_err(), "{name}: it is never allocated");
        let mut rows = connection.query(format!("{ENDLESS} LIMIT 5000"), vec![]).await.unwrap();
        assert_eq!(rows.columns, ["i"], "{name}");
        let mut expected = 0;
        while let Some(row) = rows.rows.recv().await {
            expected += 1;
            assert_eq!(row.unwrap(), [Value::Integer(expected)], "{name}");
        }
        assert_eq!(expected, 5_000, "{name}");
    }
}

#[tokio::test]
async fn a_statement_has_its_time() {
    let statement_time_max = Duration::from_millis(50);
    let (backends, _folder) = embedded(&Limits { statement_time_max, ..Limits::default() });
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        assert_eq!(run(&connection, SILENT).await, Err(Error::TooSlow { ms_max: 50 }), "{name}");
        assert_eq!(number(&connection, "SELECT 1").await, 1, "{name}: the connection goes on");
        let mut rows = connection.query(SILENT.to_owned(), vec![]).await.unwrap();
        assert_eq!(rows.rows.recv().await, Some(Err(Error::TooSlow { ms_max: 50 })), "{name}");
        assert_eq!(rows.rows.recv().await, None, "{name}");
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_stopped() {
    let hour = Duration::from_secs(3_600);
    let (backends, _folder) = embedded(&Limits { statement_time_max: hour, ..Limits::default() });
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let mut rows = connection.query(ENDLESS.to_owned(), vec![]).await.unwrap();
        assert_eq!(rows.rows.recv().await, Some(Ok(vec![Value::Integer(1)])), "{name}");
        // The stream holds the connection, and says so rather than waiting for ever.
        drop(rows);
        assert_eq!(number(&connection, "SELECT 1").await, 1, "{name}: a dropped stream");

        let silent = connection.query(SILENT.to_owned(), vec![]).await.unwrap();
        drop(silent);
        assert_eq!(number(&connection, "SELECT 2").await, 2, "{name}: a dropped stream without a row");

        let given_up = tokio::time::timeout(Duration::from_millis(20), run(&connection, SILENT)).await;
        assert!(given_up.is_err(), "{name}");
        assert_eq!(number(&connection, "SELECT 3").await, 3, "{name}: a dropped call");
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_keeps_its_connection_busy_and_no_other() {
    let wait_max = Duration::from_millis(50);
    let (backends, _folder) = embedded(&Limits { wait_max, ..Limits::default() });
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let rows = connection.query(ENDLESS.to_owned(), vec![]).await.unwrap();
        assert_eq!(run(&connection, "SELECT 1").await, Err(Error::Busy), "{name}");
        assert_eq!(number(&database.connect().await.unwrap(), "SELECT 1").await, 1, "{name}");
        drop(rows);
        assert_eq!(number(&connection, "SELECT 1").await, 1, "{name}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_ends_a_stream() {
    let (backends, _folder) = embedded(&Limits::default());
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let statement = "SELECT abs(column1) FROM (VALUES (1), (-2), (-9223372036854775808), (4))";
        let mut rows = connection.query(statement.to_owned(), vec![]).await.unwrap();
        assert_eq!(rows.rows.recv().await, Some(Ok(vec![Value::Integer(1)])), "{name}");
        assert_eq!(rows.rows.recv().await, Some(Ok(vec![Value::Integer(2)])), "{name}");
        assert!(matches!(rows.rows.recv().await, Some(Err(Error::Statement(text))) if text.contains("overflow")), "{name}");
        assert_eq!(rows.rows.recv().await, None, "{name}");
        let refused = connection.query("SELEKT".to_owned(), vec![]).await;
        assert!(matches!(refused.err(), Some(Error::Statement(_))), "{name}: a wrong statement has no columns");
    }
}

#[tokio::test]
async fn a_full_database_says_so_and_still_reads() {
    let limits = Limits { file_bytes_max: 64 << 10, memory_bytes_max: 64 << 10, ..Limits::default() };
    let (backends, _folder) = backends(&limits).await;
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        run(&connection, "CREATE TABLE t (v)").await.unwrap();
        run(&connection, "INSERT INTO t VALUES (zeroblob(1000))").await.unwrap();
        assert_eq!(run(&connection, "INSERT INTO t VALUES (zeroblob(100000))").await, Err(Error::Full), "{name}");
        assert_eq!(number(&connection, "SELECT count(*) FROM t").await, 1, "{name}");
        run(&connection, "DELETE FROM t").await.unwrap();
        run(&connection, "INSERT INTO t VALUES (zeroblob(1000))").await.unwrap();
    }
}

#[tokio::test]
async fn temporary_tables_and_databases_are_bounded_too() {
    let (backends, _folder) = embedded(&Limits { scratch_bytes_max: 64 << 10, ..Limits::default() });
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        for setup in ["CREATE TEMP TABLE t (v)", "ATTACH '' AS scratch", "CREATE TABLE scratch.t (v)"] {
            run(&connection, setup).await.unwrap();
        }
        for table in ["temp.t", "scratch.t"] {
            run(&connection, &format!("INSERT INTO {table} VALUES (zeroblob(1000))")).await.unwrap();
            let large = run(&connection, &format!("INSERT INTO {table} VALUES (zeroblob(100000))")).await;
            assert_eq!(large, Err(Error::Full), "{name}: {table}");
            assert_eq!(number(&connection, &format!("SELECT count(*) FROM {table}")).await, 1, "{name}: {table}");
        }
        run(&connection, "CREATE TABLE main.t (v)").await.unwrap();
        run(&connection, "INSERT INTO main.t VALUES (zeroblob(100000))").await.unwrap();
        run(&connection, "PRAGMA scratch.max_page_count = 1000000").await.unwrap();
        run(&connection, "PRAGMA temp.max_page_count = 1000000").await.unwrap();
        assert_eq!(run(&connection, "INSERT INTO temp.t VALUES (zeroblob(100000))").await, Err(Error::Full), "{name}");
        run(&connection, "VACUUM").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_wait_for_each_other() {
    let (backends, _folder) = standard().await;
    for (name, database) in backends {
        run(&database.connect().await.unwrap(), "CREATE TABLE t (n)").await.unwrap();
        let writers: Vec<_> = (0..6)
            .map(|_| {
                let database = Arc::clone(&database);
                tokio::spawn(async move {
                    let connection = database.connect().await.unwrap();
                    for _ in 0..10 {
                        run(&connection, "INSERT INTO t VALUES (1)").await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(number(&database.connect().await.unwrap(), "SELECT sum(n) FROM t").await, 60, "{name}");
    }
}

#[tokio::test]
async fn sql_stays_in_its_database() {
    let (backends, folder) = embedded(&Limits::default());
    let beside = folder.path().join("beside.db").display().to_string();
    let denied = [
        format!("ATTACH '{beside}' AS other"),
        format!("ATTACH 'file:{beside}?mode=rwc' AS other"),
        format!("ATTACH '' || '{beside}' AS other"),
        "ATTACH ? AS other".to_owned(),
        "ATTACH ':memory:' AS other".to_owned(),
        "ATTACH 'file:x?mode=memory&cache=shared' AS other".to_owned(),
        format!("VACUUM INTO '{beside}'"),
        format!("VACUUM INTO '' || '{beside}'"),
        "SELECT load_extension('libm.so')".to_owned(),
        "SELECT fts3_tokenizer('x')".to_owned(),
        "PRAGMA writable_schema = ON".to_owned(),
        "PRAGMA database_list".to_owned(),
        "SELECT * FROM pragma_database_list".to_owned(),
        format!("PRAGMA temp_store_directory = '{}'", folder.path().display()),
        "PRAGMA hard_heap_limit = 1".to_owned(),
        "PRAGMA schema_version = 99".to_owned(),
        "pragma MAIN.Database_List".to_owned(),
        "DELETE FROM sqlite_schema".to_owned(),
    ];
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        for statement in &denied {
            let parameters =
                if statement.contains('?') && statement.contains("ATTACH ?") { vec![Value::Text(beside.clone())] } else { vec![] };
            let error = connection.execute(statement.clone(), parameters).await.unwrap_err().to_string();
            assert!(!error.contains(&*folder.path().display().to_string()) || statement.contains(&beside), "{name}: {error}");
        }
        let reason = run(&connection, "PRAGMA database_list").await.unwrap_err();
        assert_eq!(reason.to_string(), "not authorized: PRAGMA `database_list` is not allowed here", "{name}");
    }
    assert!(!folder.path().join("beside.db").exists());
}

#[tokio::test]
async fn what_programs_commonly_ask_is_allowed() {
    let (backends, _folder) = embedded(&Limits::default());
    for (name, database) in backends {
        let connection = database.connect().await.unwrap();
        let journal = run(&connection, "PRAGMA journal_mode").await.unwrap().rows;
        for statement in [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
            "CREATE VIRTUAL TABLE words USING fts5(word)",
            "INSERT INTO words VALUES ('hello')",
            "SELECT * FROM words WHERE words MATCH 'hello'",
            "PRAGMA table_info(t)",
            "PRAGMA foreign_keys = ON",
            "PRAGMA user_version = 3",
            "PRAGMA journal_mode = DELETE",
            "PRAGMA synchronous = OFF",
            "PRAGMA busy_timeout = 100000",
            "PRAGMA cache_size = -1000000",
            "PRAGMA locking_mode = EXCLUSIVE",
            "PRAGMA integrity_check",
            "ATTACH '' AS scratch",
            "CREATE TABLE scratch.t (v)",
            "DETACH scratch",
            "VACUUM",
            "EXPLAIN QUERY PLAN SELECT * FROM t",
        ] {
            let result = run(&connection, statement).await;
            assert!(result.is_ok(), "{name}: {statement}: {result:?}");
        }
        assert_eq!(number(&connection, "PRAGMA user_version").await, 3, "{name}");
        assert_eq!(run(&connection, "PRAGMA journal_mode").await.unwrap().rows, journal, "{name}: the host's setting stands");
    }
}

#[tokio::test]
async fn files_may_be_attached_where_the_operator_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = Embedded::file(&folder.path().join("one.db"), true, Limits::default()).unwrap();
    let connection = database.connect().await.unwrap();
    run(&connection, &format!("ATTACH '{}' AS other", folder.path().join("two.db").display())).await.unwrap();
    run(&connection, "CREATE TABLE other.t (v)").await.unwrap();
    assert!(folder.path().join("two.db").is_file());
}

#[tokio::test]
async fn a_database_in_memory_is_its_own() {
    let [one, two] = [(), ()].map(|()| Embedded::memory(false, Limits::default()).unwrap());
    run(&one.connect().await.unwrap(), "CREATE TABLE t (v)").await.unwrap();
    assert!(run(&two.connect().await.unwrap(), "SELECT * FROM t").await.is_err());
    run(&one.connect().await.unwrap(), "SELECT * FROM t").await.unwrap();
}
