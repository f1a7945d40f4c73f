//! Databases of a libSQL server, as far as they differ from those in this process; what all have in common is in `conformance.rs`.

mod fake;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coracle_engine::{Bind, BindError, Capability as _, RuntimeConfig, Site};

use self::fake::{Fake, TOKEN};
use super::*;
use crate::backend::Connector;
use crate::sqlite::{GRANT, Sqlite};

fn remote(fake: &Fake, token: &str, limits: Limits) -> Remote {
    let connector = Connector::of_operator(&Site::default(), &fake.url(), "http").unwrap();
    let uri = format!("{}/v2/pipeline", fake.url()).parse().unwrap();
    Remote::new(Http::new(connector, limits.statement_time_max), uri, Some(Secret::from(token)), limits)
}

/// A fresh database in `folder`, as long as the runtime is there.
pub(in crate::sqlite) async fn database(folder: &Path, limits: Limits) -> Arc<dyn Database> {
    let fake = Fake::start(folder, limits.file_bytes_max).await;
    Arc::new(remote(&fake, TOKEN, limits))
}

async fn served() -> (Fake, Remote, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits::default();
    let fake = Fake::start(folder.path(), limits.file_bytes_max).await;
    let remote = remote(&fake, TOKEN, limits);
    (fake, remote, folder)
}

async fn run(connection: &Arc<dyn Connection>, statement: &str) -> Result<Table, Error> {
    connection.execute(statement.to_owned(), vec![]).await
}

/// Waits until the server has closed every stream.
async fn closed(fake: &Fake) {
    let all = async {
        while fake.streams() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
}

#[tokio::test]
async fn numbers_that_json_has_no_form_for_are_refused_and_cost_no_connection() {
    let (_fake, remote, _folder) = served().await;
    let connection = remote.connect().await.unwrap();
    run(&connection, "BEGIN").await.unwrap();
    let sent = connection.execute("SELECT ?".to_owned(), vec![Value::Real(f64::INFINITY)]).await;
    assert!(matches!(&sent, Err(Error::Statement(text)) if text.contains("finite")), "{sent:?}");
    let received = run(&connection, "SELECT 9e999").await;
    assert!(matches!(&received, Err(Error::Statement(text)) if text.contains("AS TEXT")), "{received:?}");
    run(&connection, "COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_statement_that_takes_too_long_costs_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path(), Limits { statement_time_max: Duration::from_millis(50), ..Limits::default() }).await;
    let connection = database.connect().await.unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0";
    assert_eq!(run(&connection, endless).await, Err(Error::TooSlow { ms_max: 50 }));
    // The server still works on it, and nobody knows what will come of it.
    assert!(matches!(run(&connection, "SELECT 1").await, Err(Error::Backend { .. })));
    assert!(run(&database.connect().await.unwrap(), "SELECT 1").await.is_ok());
}

#[tokio::test]
async fn a_transaction_ends_with_its_connection() {
    let (fake, remote, _folder) = served().await;
    let connection = remote.connect().await.unwrap();
    connection.script("CREATE TABLE t (v); INSERT INTO t VALUES (1)".to_owned()).await.unwrap();
    run(&connection, "BEGIN").await.unwrap();
    run(&connection, "INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(fake.streams(), 1);
    drop(connection);
    closed(&fake).await;
    let connection = remote.connect().await.unwrap();
    assert_eq!(run(&connection, "SELECT v FROM t").await.unwrap().rows, [vec![Value::Integer(1)]]);
    for statement in ["BEGIN", "INSERT INTO t VALUES (3)", "COMMIT"] {
        run(&connection, statement).await.unwrap();
    }
    drop(connection);
    closed(&fake).await;
    assert_eq!(run(&remote.connect().await.unwrap(), "SELECT v FROM t").await.unwrap().rows.len(), 2);
}

#[tokio::test]
async fn a_stream_that_the_server_lost_is_not_replaced_by_another() {
    let (fake, remote, _folder) = served().await;
    let connection = remote.connect().await.unwrap();
    run(&connection, "CREATE TABLE t (v)").await.unwrap();
    run(&connection, "BEGIN").await.unwrap();
    fake.forget();
    // Half of a transaction would be done outside of it.
    for _ in 0..2 {
        let lost = run(&connection, "INSERT INTO t VALUES (1)").await;
        assert!(matches!(lost, Err(Error::Backend { .. })), "{lost:?}");
    }
    assert!(run(&remote.connect().await.unwrap(), "SELECT * FROM t").await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn what_the_protocol_leaves_undefined_is_not_believed() {
    let (_fake, remote, _folder) = served().await;
    let connection = remote.connect().await.unwrap();
    let told = || (connection.last_insert_rowid(), connection.changes());
    for (statement, expected) in [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", (0, 0)),
        ("BEGIN", (0, 0)),
        ("INSERT INTO t VALUES (7, 1), (9, 2)", (9, 2)),
        ("SELECT * FROM t", (9, 2)),
        ("UPDATE t SET v = 3", (9, 2)),
        ("DELETE FROM t WHERE id = 7", (9, 1)),
        ("WITH w AS (SELECT 12, 0) INSERT INTO t SELECT * FROM w", (12, 1)),
        ("WITH w AS (SELECT 12) SELECT * FROM w", (12, 1)),
        ("-- a comment\nREPLACE INTO t VALUES (5, 5)", (5, 1)),
        ("WITH w AS (SELECT 5) UPDATE t SET v = 0 WHERE id < 0", (5, 0)),
        ("PRAGMA user_version", (5, 0)),
        ("INSERT OR IGNORE INTO t VALUES (5, 6)", (5, 0)),
        ("COMMIT", (5, 0)),
    ] {
        run(&connection, statement).await.unwrap();
        assert_eq!(told(), expected, "{statement}");
    }
}

#[tokio::test]
async fn refusals_and_bounds_are_told() {
    let (fake, remote, _folder) = served().await;
    let connection = remote.connect().await.unwrap();
    assert!(matches!(run(&connection, "SELEKT 1").await, Err(Error::Statement(text)) if text.contains("syntax error")));
    assert_eq!(run(&connection, "SELECT 1; SELECT 2").await, Err(Error::ManyStatements));
    assert_eq!(run(&connection, "SELECT 1").await.unwrap().rows.len(), 1);

    let stranger = self::remote(&fake, "wrong", Limits::default()).connect().await.unwrap();
    let refused = run(&stranger, "SELECT 1").await.unwrap_err();
    assert_eq!(refused.to_string(), "the database refuses this app");

    let small = self::remote(&fake, TOKEN, Limits { result_bytes_max: 1_000, ..Limits::default() });
    for bytes in [2_000, 200_000] {
        let connection = small.connect().await.unwrap();
        let large = run(&connection, &format!("SELECT printf('%{bytes}s', 'x')")).await;
        assert_eq!(large, Err(Error::ResultTooLarge { bytes_max: 1_000 }));
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error() {
    let connector = Connector::of_operator(&Site::default(), "http://127.0.0.1:1", "http").unwrap();
    let http = Http::new(connector, Duration::from_secs(5));
    let remote = Remote::new(http, "http://127.0.0.1:1/v2/pipeline".parse().unwrap(), None, Limits::default());
    let error = run(&remote.connect().await.unwrap(), "SELECT 1").await.unwrap_err();
    assert_eq!(error.to_string(), "the database cannot be reached");
}

#[test]
fn the_configuration_names_a_url() {
    let bind = |table: &str| -> Result<(), BindError> {
        let text = format!("[sqlite_database.x]\ntype = \"libsql\"\n{table}");
        let labels = BTreeMap::from([(GRANT.to_owned(), BTreeSet::from(["x".to_owned()]))]);
        let mut config = RuntimeConfig::new(toml::from_str(&text).unwrap(), None);
        Sqlite.bind(&mut Bind { site: &mut Site::default(), config: &mut config, labels: &labels })
    };
    bind("url = \"http://127.0.0.1:8080\"").unwrap();
    bind("url = \"libsql://db.example.com\"\ntoken = \"x\"").unwrap();
    for (table, expected) in [
        ("", "missing field `url`"),
        ("url = \"ws://db.example.com\"", "not one of HTTP"),
        ("url = \"https://\"", "is not understood"),
        ("url = \"http://x\"\npath = \"y\"", "unknown field `path`"),
    ] {
        let text = coracle_base::chain(&bind(table).unwrap_err()).to_string();
        assert!(text.contains(expected), "{table}: {text}");
    }
}
