//! What every [`Database`] must do, on a real server: a new kind is one more line in [`backends`].

use std::sync::Arc;
use std::time::Duration;

use coracle_engine::{Bind, RuntimeConfig, Site};
use coracle_testkit::servers::{Server as Running, mariadb};
use futures::{StreamExt as _, TryStreamExt as _};

use super::client::{Address, Clients, Server, Shared};
use super::*;
use crate::egress::Networking;
use crate::tls::Trust;

type Backends = Vec<(&'static str, Arc<dyn Database>)>;

/// Every backend, and what must outlive it.
fn backends(connections_max: usize, limits: Limits) -> (Backends, Arc<Running>) {
    let running = mariadb::shared().unwrap();
    (vec![("mariadb", database(&mariadb::address(&running), connections_max, limits))], running)
}

fn standard() -> (Backends, Arc<Running>) {
    backends(8, Limits::default())
}

fn database(text: &str, connections_max: usize, limits: Limits) -> Arc<dyn Database> {
    let clients = Arc::new(Clients::new(connections_max, limits, Trust::default()));
    let address = Address::parse(text).unwrap();
    let clearance = Networking::of(&Site::default()).clear_for_operator(address.destination.clone());
    Arc::new(Shared(Arc::new(Server::new(&clients, "component", text, address, clearance))))
}

async fn table(session: &Arc<dyn Session>, statement: &str, parameters: Vec<Value>) -> Result<Table, Error> {
    let Rows { columns, rows } = session.query(statement, parameters).await?;
    Ok(Table { columns, rows: rows.try_collect().await? })
}

async fn rows(session: &Arc<dyn Session>, statement: &str) -> Vec<Row> {
    table(session, statement, vec![]).await.unwrap().rows
}

async fn run(session: &Arc<dyn Session>, statement: &str) -> Result<(), Error> {
    session.execute(statement, vec![]).await
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    let values = [
        ("TINYINT", Kind::Int8, Value::Int(-128)),
        ("TINYINT UNSIGNED", Kind::Uint8, Value::Uint(255)),
        ("SMALLINT", Kind::Int16, Value::Int(-32_768)),
        ("SMALLINT UNSIGNED", Kind::Uint16, Value::Uint(65_535)),
        ("INT", Kind::Int32, Value::Int(i32::MIN.into())),
        ("INT UNSIGNED", Kind::Uint32, Value::Uint(u32::MAX.into())),
        ("BIGINT", Kind::Int64, Value::Int(i64::MIN)),
        ("BIGINT UNSIGNED", Kind::Uint64, Value::Uint(u64::MAX)),
        ("FLOAT", Kind::Float32, Value::Float32(-0.5)),
        ("DOUBLE", Kind::Float64, Value::Float64(1e300)),
        ("BIT(1)", Kind::Boolean, Value::Boolean(true)),
        ("TEXT", Kind::Text, text("é; ' \" \\ \n")),
        ("VARCHAR(10)", Kind::Text, text("")),
        ("VARBINARY(10)", Kind::Binary, Value::Binary(vec![0, 255, 7])),
        ("BLOB", Kind::Binary, Value::Binary(vec![])),
        ("ENUM('a', 'b')", Kind::Text, text("b")),
        ("DECIMAL(20, 2)", Kind::Text, text("-123456789012345678.90")),
        ("DATE", Kind::Other, text("2024-02-29")),
        ("DATETIME(6)", Kind::Other, text("2024-02-29 23:59:58.000001")),
        ("TIME", Kind::Other, text("-12:30:00")),
        ("YEAR", Kind::Uint16, Value::Uint(2024)),
    ];
    let (backends, _running) = standard();
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        for (kind, expected, value) in &values {
            run(&session, &format!("CREATE TEMPORARY TABLE t (v {kind})")).await.unwrap();
            session.execute("INSERT INTO t VALUES (?), (?)", vec![value.clone(), Value::Null]).await.unwrap();
            let found = table(&session, "SELECT v FROM t", vec![]).await.unwrap();
            assert_eq!(found.columns, [Column { name: "v".to_owned(), kind: *expected }], "{name}: {kind}");
            assert_eq!(found.rows, [vec![value.clone()], vec![Value::Null]], "{name}: {kind}");
            run(&session, "DROP TEMPORARY TABLE t").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong() {
    let (backends, _running) = standard();
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        for (wrong, expected) in [("SELEKT 1", "1064"), ("SELECT 1; SELECT 2", "1064"), ("SELECT * FROM no_such_table", "1146")] {
            let error = table(&session, wrong, vec![]).await.unwrap_err();
            assert!(matches!(&error, Error::Refused(text) if text.starts_with(expected)), "{name}: {wrong}: {error:?}");
        }
        for parameters in [vec![], vec![Value::Null, Value::Null]] {
            let error = table(&session, "SELECT ?", parameters.clone()).await.unwrap_err();
            assert!(matches!(error, Error::Parameter(_)), "{name}: {error:?}");
            let error = session.execute("SELECT ?", parameters).await.unwrap_err();
            assert!(matches!(error, Error::Parameter(_)), "{name}: {error:?}");
        }
        assert_eq!(rows(&session, "SELECT 1").await, [vec![Value::Int(1)]], "{name}: the session goes on");
    }
}

#[tokio::test]
async fn nothing_of_a_session_is_left_for_the_next() {
    let (backends, _running) = backends(1, Limits::default());
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        run(&session, "CREATE OR REPLACE TABLE leak (v INT) ENGINE = InnoDB").await.unwrap();
        let before = rows(&session, "SELECT CONNECTION_ID()").await;
        for statement in [
            "SET @mine = 1",
            "SET SESSION sql_mode = 'ANSI'",
            "CREATE TEMPORARY TABLE mine (v INT)",
            "SELECT GET_LOCK('mine', 0)",
            "BEGIN",
            "INSERT INTO leak VALUES (1)",
        ] {
            table(&session, statement, vec![]).await.unwrap();
        }
        drop(session);
        let session = database.connect().await.unwrap();
        assert_eq!(rows(&session, "SELECT CONNECTION_ID()").await, before, "{name}: the connection is used again");
        assert!(rows(&session, "SELECT * FROM leak").await.is_empty(), "{name}: the transaction is undone");
        assert_eq!(rows(&session, "SELECT @mine").await, [vec![Value::Null]], "{name}");
        assert_ne!(rows(&session, "SELECT @@sql_mode LIKE '%ANSI%'").await, [vec![Value::Int(1)]], "{name}");
        assert!(run(&session, "SELECT * FROM mine").await.is_err(), "{name}");
        assert_eq!(rows(&session, "SELECT IS_FREE_LOCK('mine')").await, [vec![Value::Int(1)]], "{name}");

        session.execute("START TRANSACTION", vec![]).await.unwrap();
        session.execute("INSERT INTO leak VALUES (?)", vec![Value::Int(2)]).await.unwrap();
        session.execute("COMMIT", vec![]).await.unwrap();
        drop(session);
        let session = database.connect().await.unwrap();
        assert_eq!(rows(&session, "SELECT * FROM leak").await, [vec![Value::Int(2)]], "{name}: what was committed stays");
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_stopped_and_undone() {
    let (backends, _running) = backends(2, Limits::default());
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        run(&session, "CREATE OR REPLACE TABLE dropped (v INT) ENGINE = InnoDB").await.unwrap();
        run(&session, "BEGIN").await.unwrap();
        run(&session, "INSERT INTO dropped VALUES (1)").await.unwrap();
        let given_up = tokio::time::timeout(Duration::from_millis(50), run(&session, "SELECT SLEEP(3600)")).await;
        assert!(given_up.is_err(), "{name}");
        assert_eq!(run(&session, "SELECT 1").await, Err(Error::Lost), "{name}");
        drop(session);
        let other = database.connect().await.unwrap();
        let gone = async {
            while !rows(&other, "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)'").await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
        assert!(rows(&other, "SELECT * FROM dropped").await.is_empty(), "{name}");

        let mut endless = other.query("SELECT seq FROM seq_1_to_1000000000", vec![]).await.unwrap().rows;
        assert_eq!(endless.next().await, Some(Ok(vec![Value::Uint(1)])), "{name}");
        drop(endless);
        drop(other);
        run(&database.connect().await.unwrap(), "SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn statements_and_rows_have_their_bounds() {
    let limits = Limits {
        statement_time_max: Duration::from_millis(100),
        wait_max: Duration::from_millis(50),
        result_bytes_max: 1_000,
        message_bytes_max: 8_000,
        ..Limits::default()
    };
    let (backends, _running) = backends(3, limits);
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        assert_eq!(run(&session, "SELECT SLEEP(3600)").await, Err(Error::TooSlow { ms_max: 100 }), "{name}");
        let session = database.connect().await.unwrap();
        let long = table(&session, "SELECT REPEAT('x', 2000)", vec![]).await;
        assert_eq!(long, Err(Error::ResultTooLarge { bytes_max: 1_000 }), "{name}");
        let session = database.connect().await.unwrap();
        let longer = table(&session, "SELECT REPEAT('x', 9000)", vec![]).await;
        assert_eq!(longer, Err(Error::Lost), "{name}: it never comes into memory");
        let session = database.connect().await.unwrap();
        let reading = session.query("SELECT seq FROM seq_1_to_1000000", vec![]).await.unwrap();
        assert_eq!(run(&session, "SELECT 1").await, Err(Error::Busy), "{name}");
        drop(reading);
    }
}

#[tokio::test]
async fn connections_are_bounded_and_so_is_the_wait_for_one() {
    let limits = Limits { wait_max: Duration::from_millis(50), ..Limits::default() };
    let (backends, _running) = backends(2, limits);
    for (name, database) in backends {
        let one = database.connect().await.unwrap();
        let _two = database.connect().await.unwrap();
        assert_eq!(database.connect().await.err(), Some(Error::TooManyConnections { connections_max: 2 }), "{name}");
        run(&one, "SELECT 1").await.unwrap();
        drop(one);
        database.connect().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_at_once_do_not_meet() {
    let (backends, _running) = backends(3, Limits::default());
    for (name, database) in backends {
        let tasks = (0..12_i64).map(|number| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                for round in 0..10 {
                    let session = database.connect().await.unwrap();
                    let own = Value::Int(number * 100 + round);
                    session.execute("SET @own = ?", vec![own.clone()]).await.unwrap();
                    let found = table(&session, "SELECT ?, @own", vec![own.clone()]).await.unwrap();
                    assert_eq!(found.rows, [vec![own.clone(), own]]);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_with_a_wrong_password_or_where_nobody_listens() {
    let running = mariadb::shared().unwrap();
    let wrong = mariadb::address(&running).replace(":coracle@", ":hunter2@");
    let error = database(&wrong, 1, Limits::default()).connect().await.err().unwrap();
    assert!(matches!(&error, Error::Connection(text) if text.contains("Access denied for user 'coracle'")), "{error:?}");
    let nowhere = database("mysql://me@127.0.0.1:1/x", 1, Limits::default()).connect().await.err().unwrap();
    assert!(matches!(&nowhere, Error::Connection(text) if text.contains("could not be reached")), "{nowhere:?}");
}

#[test]
fn the_configuration_bounds_connections_and_knows_no_other_key() {
    let bind = |text: &str| {
        let mut config = RuntimeConfig::new(toml::from_str(text).unwrap(), None);
        Mysql.bind(&mut Bind { site: &mut Site::default(), config: &mut config, labels: &Default::default() })
    };
    bind("[outbound_mysql]\nmax_connections = 3").unwrap();
    let error = bind("[outbound_mysql]\nmax_conections = 3").unwrap_err();
    assert!(coracle_base::chain(&error).to_string().contains("unknown field `max_conections`"));
}
