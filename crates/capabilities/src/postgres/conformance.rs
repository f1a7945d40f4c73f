//! What every [`Database`] must do, on a real server: a new kind is one more line in [`backends`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coracle_engine::{Bind, RuntimeConfig, Site};
use coracle_testkit::certificates::{Authority, Pair};
use coracle_testkit::servers::{Server as Running, postgres};
use futures::{StreamExt as _, TryStreamExt as _};

use super::client::{Address, Clients, Server, Shared};
use super::*;
use crate::backend::Connector;
use crate::tls::Trust;

type Backends = Vec<(&'static str, Arc<dyn Database>)>;

/// Every backend, and what must outlive it.
fn backends(connections_max: usize, limits: Limits) -> (Backends, Arc<Running>) {
    let running = postgres::shared().unwrap();
    (vec![("postgres", database(&postgres::address(&running), connections_max, limits))], running)
}

fn standard() -> (Backends, Arc<Running>) {
    backends(8, Limits::default())
}

fn database(text: &str, connections_max: usize, limits: Limits) -> Arc<dyn Database> {
    let clients = Arc::new(Clients::new(connections_max, limits, Trust::default()));
    let address = Address::parse(text).unwrap();
    let connector = Connector::of_operator(&Site::default(), &address.destination.to_string(), "postgres").unwrap();
    Arc::new(Shared(Arc::new(Server::new(&clients, "component", text, (address, connector), None))))
}

async fn table(session: &Arc<dyn Session>, statement: &str, parameters: Vec<Value>) -> Result<Table, Error> {
    let Rows { columns, rows } = session.query(statement, parameters).await?;
    Ok(Table { columns, rows: rows.try_collect().await? })
}

async fn rows(session: &Arc<dyn Session>, statement: &str) -> Vec<Row> {
    table(session, statement, vec![]).await.unwrap().rows
}

async fn run(session: &Arc<dyn Session>, statement: &str) -> Result<u64, Error> {
    session.execute(statement, vec![]).await
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    let date = Date { year: 2024, month: 2, day: 29 };
    let time = Time { hour: 23, minute: 59, second: 58, nanosecond: 123_456_000 };
    let bound = |value: i32, is_inclusive| Some(Bound { value, is_inclusive });
    let number = |text: &str| text.to_owned();
    let values = [
        ("bool", Value::Boolean(true)),
        ("\"char\"", Value::Int8(-3)),
        ("int2", Value::Int16(i16::MIN)),
        ("int4", Value::Int32(i32::MAX)),
        ("int8", Value::Int64(i64::MIN)),
        ("float4", Value::Float32(-0.5)),
        ("float8", Value::Float64(1e300)),
        ("text", text("é; ' \" \\ \n")),
        ("varchar", text("")),
        ("bytea", Value::Binary(vec![0, 255, 7])),
        ("date", Value::Date(date)),
        ("time", Value::Time(time)),
        ("timestamp", Value::DateTime(DateTime { date, time })),
        ("timestamptz", Value::DateTime(DateTime { date: Date { year: -43, month: 3, day: 15 }, time })),
        ("uuid", Value::Uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".to_owned())),
        ("jsonb", Value::Jsonb(br#"{"a": [1, null]}"#.to_vec())),
        ("numeric", Value::Decimal(number("-12345678901234567890123456789012345.000100"))),
        ("numeric", Value::Decimal(number("NaN"))),
        ("int4range", Value::RangeInt32(Range { lower: bound(1, true), upper: bound(5, false) })),
        ("int8range", Value::RangeInt64(Range { lower: None, upper: Some(Bound { value: 7, is_inclusive: false }) })),
        ("numrange", Value::RangeDecimal(Range { lower: Some(Bound { value: number("0.10"), is_inclusive: false }), upper: None })),
        ("int4[]", Value::ArrayInt32(vec![Some(1), None, Some(-1)])),
        ("int8[]", Value::ArrayInt64(vec![])),
        ("numeric[]", Value::ArrayDecimal(vec![Some(number("1.50")), None])),
        ("text[]", Value::ArrayText(vec![Some("a,\"b\\".to_owned()), None, Some("NULL".to_owned()), Some(String::new())])),
        ("interval", Value::Interval(Interval { micros: -7, days: 40, months: -14 })),
    ];
    let (backends, _running) = standard();
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        for (kind, value) in &values {
            let found = table(&session, &format!("SELECT $1::{kind} AS v"), vec![value.clone()]).await.unwrap();
            assert_eq!(found.rows, [vec![value.clone()]], "{name}: {kind}");
            assert_eq!(found.columns[0].name, "v", "{name}");
            let null = table(&session, &format!("SELECT $1::{kind}"), vec![Value::Null]).await.unwrap();
            assert_eq!(null.rows, [vec![Value::Null]], "{name}: {kind}");
        }
    }
}

#[tokio::test]
async fn a_value_fits_where_sql_would_let_it() {
    let (backends, _running) = standard();
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        for (query, given, expected) in [
            ("SELECT $1::int8", Value::Int16(7), Value::Int64(7)),
            ("SELECT $1::int2", Value::Int64(7), Value::Int16(7)),
            ("SELECT $1::numeric", Value::Int32(7), Value::Decimal("7".to_owned())),
            ("SELECT $1::float8", Value::Float32(0.5), Value::Float64(0.5)),
            ("SELECT $1::json::text", text("[1]"), text("[1]")),
            ("SELECT $1::inet::text", text("10.0.0.1/8"), text("10.0.0.1/8")),
            ("SELECT $1::timestamptz = to_timestamp(86400)", Value::Timestamp(86_400), Value::Boolean(true)),
        ] {
            assert_eq!(table(&session, query, vec![given]).await.unwrap().rows, [vec![expected]], "{name}: {query}");
        }
        let error = table(&session, "SELECT $1::int2", vec![Value::Int64(70_000)]).await.unwrap_err();
        assert!(matches!(&error, Error::Refused(refusal) if refusal.code == "22003"), "{name}: {error:?}");
        let error = table(&session, "SELECT $1::int4", vec![Value::Binary(vec![255])]).await.unwrap_err();
        assert!(matches!(error, Error::Parameter(_)), "{name}: {error:?}");
        for (parameters, given) in [(vec![], 0), (vec![Value::Null, Value::Null], 2)] {
            let error = table(&session, "SELECT $1::int4", parameters).await.unwrap_err();
            assert_eq!(error, Error::Parameter(format!("the statement has 1 parameters, and {given} were given")), "{name}");
        }
        assert_eq!(rows(&session, "SELECT 1").await, [vec![Value::Int32(1)]], "{name}: the session goes on");
        let other = rows(&session, "SELECT '1'::xml, 'infinity'::date, 'empty'::int4range").await;
        assert!(matches!(other[0].as_slice(), [Value::Other(_), Value::Other(_), Value::Other(_)]), "{name}: {other:?}");
    }
}

#[tokio::test]
async fn a_refusal_has_its_parts() {
    let (backends, _running) = standard();
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        run(&session, "CREATE TEMP TABLE t (v int CONSTRAINT positive CHECK (v > 0))").await.unwrap();
        let Err(Error::Refused(refusal)) = run(&session, "INSERT INTO t VALUES (-1)").await else { panic!("{name}") };
        assert_eq!((refusal.code.as_str(), refusal.severity.as_str()), ("23514", "ERROR"), "{name}");
        assert!(refusal.message.contains("violates check constraint \"positive\"") && refusal.text.contains(&refusal.message), "{name}");
        assert!(refusal.detail.as_deref().is_some_and(|detail| detail.contains("-1")), "{name}");
        assert!(refusal.extras.contains(&("constraint".to_owned(), "positive".to_owned())), "{name}: {refusal:?}");
        for (wrong, code) in [("SELEKT 1", "42601"), ("SELECT 1; SELECT 2", "42601"), ("SELECT 1/0", "22012")] {
            let error = table(&session, wrong, vec![]).await.unwrap_err();
            assert!(matches!(&error, Error::Refused(refusal) if refusal.code == code), "{name}: {wrong}: {error:?}");
        }
        let error = table(&session, "SELECT '\0'", vec![]).await.unwrap_err();
        assert!(matches!(error, Error::Parameter(_)), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_session_is_left_for_the_next() {
    let (backends, _running) = backends(1, Limits::default());
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        session.batch("DROP TABLE IF EXISTS leak; CREATE TABLE leak (v int)").await.unwrap();
        let before = rows(&session, "SELECT pg_backend_pid()").await;
        for statement in [
            "SET search_path = pg_catalog",
            "SET statement_timeout = 7777",
            "CREATE TEMP TABLE mine (v int)",
            "LISTEN something",
            "SELECT pg_advisory_lock(42)",
            "BEGIN",
            "INSERT INTO public.leak VALUES (1)",
            "DECLARE c CURSOR FOR SELECT 1",
        ] {
            table(&session, statement, vec![]).await.unwrap();
        }
        drop(session);
        let session = database.connect().await.unwrap();
        assert_eq!(rows(&session, "SELECT pg_backend_pid()").await, before, "{name}: the connection is used again");
        assert!(rows(&session, "SELECT * FROM leak").await.is_empty(), "{name}: the transaction is undone");
        let settings = rows(&session, "SELECT current_setting('statement_timeout'), current_setting('search_path')").await;
        assert_eq!(settings, [vec![text("0"), text("\"$user\", public")]], "{name}");
        assert!(run(&session, "SELECT * FROM mine").await.is_err(), "{name}");
        assert!(rows(&session, "SELECT pg_listening_channels()").await.is_empty(), "{name}");
        assert!(rows(&session, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").await.is_empty(), "{name}");
        assert!(rows(&session, "SELECT 1 FROM pg_cursors WHERE name = 'c'").await.is_empty(), "{name}");

        // A failed transaction is no different; a session that prepared statements by SQL is not used again.
        run(&session, "BEGIN").await.unwrap();
        run(&session, "SELECT 1/0").await.unwrap_err();
        drop(session);
        let session = database.connect().await.unwrap();
        run(&session, "PREPARE mine AS SELECT 1").await.unwrap();
        drop(session);
        let session = database.connect().await.unwrap();
        assert_ne!(rows(&session, "SELECT pg_backend_pid()").await, before, "{name}");
        assert!(rows(&session, "SELECT 1 FROM pg_prepared_statements WHERE from_sql").await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_nobody_waits_for_is_stopped_and_undone() {
    let (backends, _running) = backends(1, Limits::default());
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        session.batch("DROP TABLE IF EXISTS dropped; CREATE TABLE dropped (v int)").await.unwrap();
        run(&session, "BEGIN").await.unwrap();
        run(&session, "INSERT INTO dropped VALUES (1)").await.unwrap();
        let given_up = tokio::time::timeout(Duration::from_millis(50), run(&session, "SELECT pg_sleep(3600)")).await;
        assert!(given_up.is_err(), "{name}");
        drop(session);
        let session = database.connect().await.unwrap();
        assert!(rows(&session, "SELECT * FROM dropped").await.is_empty(), "{name}");
        let sleepers =
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND state = 'active' AND pid <> pg_backend_pid()";
        assert!(rows(&session, sleepers).await.is_empty(), "{name}");

        let mut endless = session.query("SELECT generate_series(1, 1000000000)", vec![]).await.unwrap().rows;
        assert_eq!(endless.next().await, Some(Ok(vec![Value::Int32(1)])), "{name}");
        drop(endless);
        assert_eq!(rows(&session, "SELECT 2").await, [vec![Value::Int32(2)]], "{name}: the same session goes on");
    }
}

#[tokio::test]
async fn a_session_is_busy_while_it_is_read() {
    let limits = Limits { wait_max: Duration::from_millis(20), ..Limits::default() };
    let (backends, _running) = backends(2, limits);
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        let rows = session.query("SELECT n FROM generate_series(1, 1000000) AS n", vec![]).await.unwrap();
        assert_eq!(run(&session, "SELECT 1").await, Err(Error::Busy), "{name}");
        let other = database.connect().await.unwrap();
        run(&other, "SELECT 1").await.unwrap();
        drop(rows);
    }
}

#[tokio::test]
async fn statements_and_rows_have_their_bounds() {
    let limits =
        Limits { statement_time_max: Duration::from_millis(50), result_bytes_max: 1_000, message_bytes_max: 4_000, ..Limits::default() };
    let (backends, _running) = backends(2, limits);
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        assert_eq!(run(&session, "SELECT pg_sleep(3600)").await, Err(Error::TooSlow { ms_max: 50 }), "{name}");
        run(&session, "SELECT 1").await.unwrap();
        let long = table(&session, "SELECT repeat('x', 2000)", vec![]).await;
        assert_eq!(long, Err(Error::ResultTooLarge { bytes_max: 1_000 }), "{name}");
        run(&session, "SELECT 1").await.unwrap();
        assert_eq!(table(&session, "SELECT repeat('x', 5000)", vec![]).await, Err(Error::Lost), "{name}");
        assert_eq!(run(&session, "SELECT 1").await, Err(Error::Lost), "{name}");
        run(&database.connect().await.unwrap(), "SELECT 1").await.unwrap();
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

#[tokio::test]
async fn a_statement_is_prepared_anew_when_its_table_has_changed() {
    let (backends, _running) = backends(1, Limits::default());
    for (name, database) in backends {
        let session = database.connect().await.unwrap();
        session.batch("DROP TABLE IF EXISTS changing; CREATE TABLE changing (v int); INSERT INTO changing VALUES (1)").await.unwrap();
        assert_eq!(rows(&session, "SELECT * FROM changing").await, [vec![Value::Int32(1)]], "{name}");
        run(&session, "ALTER TABLE changing ADD w text DEFAULT 'x'").await.unwrap();
        assert_eq!(rows(&session, "SELECT * FROM changing").await, [vec![Value::Int32(1), text("x")]], "{name}");
        run(&session, "DEALLOCATE ALL").await.unwrap();
        assert_eq!(rows(&session, "SELECT * FROM changing").await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn copying_over_the_connection_is_refused_and_hurts_nobody() {
    let limits = Limits { statement_time_max: Duration::from_secs(1), ..Limits::default() };
    let (backends, _running) = backends(1, limits);
    for (name, database) in backends {
        for statement in ["COPY (SELECT 1) TO STDOUT", "COPY pg_temp.t FROM STDIN"] {
            let session = database.connect().await.unwrap();
            run(&session, "CREATE TEMP TABLE t (v int)").await.unwrap();
            let _ = run(&session, statement).await;
        }
        let session = database.connect().await.unwrap();
        assert_eq!(rows(&session, "SELECT 1").await, [vec![Value::Int32(1)]], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_at_once_do_not_meet() {
    let (backends, _running) = backends(3, Limits::default());
    for (name, database) in backends {
        let tasks = (0..12).map(|number| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                for round in 0..10 {
                    let session = database.connect().await.unwrap();
                    let own = number * 100 + round;
                    run(&session, "BEGIN").await.unwrap();
                    run(&session, &format!("SET LOCAL application_name = 'own-{own}'")).await.unwrap();
                    let found = table(&session, "SELECT $1::int4, current_setting('application_name')", vec![Value::Int32(own)]).await;
                    assert_eq!(found.unwrap().rows, [vec![Value::Int32(own), text(&format!("own-{own}"))]]);
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
    let running = postgres::shared().unwrap();
    let wrong = postgres::address(&running).replace(":postgres@", ":hunter2@");
    let error = database(&wrong, 1, Limits::default()).connect().await.err().unwrap();
    assert_eq!(error, Error::Connection("password authentication failed for user \"postgres\"".to_owned()));
    let nowhere = database("postgres://me@127.0.0.1:1/x", 1, Limits::default());
    for _ in 0..2 {
        let error = nowhere.connect().await.err().unwrap();
        assert!(matches!(&error, Error::Connection(text) if text.contains("could not be reached")), "{error:?}");
    }
    let insists = postgres::address(&running).replace("disable", "require");
    let error = database(&insists, 1, Limits::default()).connect().await.err().unwrap();
    assert!(matches!(&error, Error::Connection(text) if text.contains("does not speak TLS")), "{error:?}");
}

#[tokio::test]
async fn a_server_proves_who_it_is_wherever_tls_is_spoken() {
    let certificate = coracle_testkit::certificates::Certificate::new().unwrap();
    let pem = std::fs::read_to_string(certificate.certificate()).unwrap();
    let key = std::fs::read_to_string(certificate.key()).unwrap();
    let running = postgres::start_with_tls(&postgres::Tls { certificate: pem.clone(), key, clients: None }).unwrap();
    let text = format!("host=localhost port={} user=postgres password=postgres dbname=postgres", running.place().port);
    let clients = Arc::new(Clients::new(4, Limits::default(), Trust::default()));
    let database = |text: &str, roots| {
        let address = Address::parse(text).unwrap();
        let connector = Connector::of_operator(&Site::default(), &address.destination.to_string(), "postgres").unwrap();
        Shared(Arc::new(Server::new(&clients, "component", text, (address, connector), roots)))
    };
    let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (mode, expected) in [("require", true), ("prefer", true), ("disable", false)] {
        let roots = super::client::Roots::parse(&pem).unwrap();
        let session = database(&format!("{text} sslmode={mode}"), Some(roots)).connect().await.unwrap();
        assert_eq!(rows(&session, is_encrypted).await, [vec![Value::Boolean(expected)]], "{mode}");
    }
    for mode in ["require", "prefer", "verify-full"] {
        let error = database(&format!("{text} sslmode={mode}"), None).connect().await.err().unwrap();
        assert!(matches!(&error, Error::Connection(text) if text.contains("could not be spoken to by TLS")), "{mode}: {error:?}");
    }
    assert!(matches!(super::client::Roots::parse("nonsense"), Err(Error::Parameter(_))));
}

/// The database that `table` of a runtime configuration binds to a label.
fn labelled(table: &str) -> Arc<dyn Database> {
    let mut site = Site::default();
    let text = format!("[postgres.default]\ntype = \"postgres\"\n{table}");
    let mut config = RuntimeConfig::new(toml::from_str(&text).unwrap(), None);
    let labels = BTreeMap::from([(GRANT.to_owned(), ["default".to_owned()].into())]);
    config::bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }).unwrap();
    Arc::clone(&site.shared::<config::Bindings>().unwrap().database("default", "component").unwrap().database)
}

#[tokio::test]
async fn a_label_has_a_certificate_for_a_server_that_asks_for_one() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let read = |path| std::fs::read_to_string(path).unwrap();
    let (own, clients) = (authority.server(), Some(read(authority.root())));
    let running = postgres::start_with_tls(&postgres::Tls { certificate: read(own.certificate), key: read(own.key), clients }).unwrap();
    let url = format!("url = \"postgres://postgres:postgres@localhost:{}/postgres?sslmode=require\"", running.place().port);
    let trusting = format!("{url}\nca_roots_file = {:?}", authority.root());
    let showing = |of: &Authority| {
        let Pair { certificate, key } = of.client();
        labelled(&format!("{trusting}\nclient_cert_file = {certificate:?}\nclient_private_key_file = {key:?}"))
    };
    let session = showing(&authority).connect().await.unwrap();
    assert_eq!(rows(&session, "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await, [vec![text("/CN=client")]]);
    for refused in [showing(&stranger), labelled(&trusting)] {
        assert!(matches!(refused.connect().await.err(), Some(Error::Connection(_))));
    }
}
