//! Versions that no guest among the fixtures imports, called as a guest would call them, on a real server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coracle_engine::{Bind, Capability as _, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
use coracle_testkit::servers::{Server, postgres};
use serde_json::json;

use super::cloud::bindings::wasmcloud::postgres::{prepared::Host as _, query::Host as _, types};
use super::spin_v1::bindings::fermyon::spin::postgres as v1;
use super::spin_v1::bindings::fermyon::spin::rdbms_types as v1_types;
use super::spin_v2::bindings::fermyon::spin::postgres as v2;
use super::spin_v2::bindings::fermyon::spin::rdbms_types as v2_types;
use super::spin_v3::bindings::spin::postgres::postgres as v3;
use super::*;
use crate::postgres::{GRANT, HOSTS, Postgres};

/// An instance that may reach `server`, and finds it behind its label too.
fn instance(server: &Server) -> InstanceState {
    let mut site = Site::default();
    let text = format!("[postgres.default]\ntype = \"postgres\"\nurl = \"{}\"", postgres::address(server));
    let mut config = RuntimeConfig::new(toml::from_str(&text).unwrap(), None);
    let labels = BTreeMap::from([(GRANT.to_owned(), BTreeSet::from(["default".to_owned()]))]);
    Postgres.bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }).unwrap();
    let allowed = format!("postgres://{}", server.place().address());
    let grants = BTreeMap::from([(HOSTS.to_owned(), json!([allowed])), (GRANT.to_owned(), json!(["default"]))]);
    let grant = Postgres.grant(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap();
    let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
    InstanceState::new(Arc::new(identity), grant.into_iter().collect(), Arc::new(Limits::default()))
}

#[tokio::test]
async fn spin_1_names_the_address_in_each_call() {
    let server = postgres::shared().unwrap();
    let mut instance = instance(&server);
    let mut view = view(&mut instance);
    let address = || postgres::address(&server);
    let parameters = vec![v1_types::ParameterValue::Uint32(7), v1_types::ParameterValue::Str("x".to_owned())];
    let found = v1::Host::query(&mut view, address(), "SELECT $1::int8, $2::text, now()".to_owned(), parameters).await.unwrap();
    assert!(matches!(
        &*found.rows[0],
        [v1_types::DbValue::Int64(7), v1_types::DbValue::Str(text), v1_types::DbValue::Unsupported] if text == "x"
    ));
    assert!(matches!(found.columns[2].data_type, v1_types::DbDataType::Other));
    assert_eq!(v1::Host::execute(&mut view, address(), "SELECT 1".to_owned(), vec![]).await.unwrap(), 1);
    let wrong = v1::Host::execute(&mut view, address(), "SELEKT".to_owned(), vec![]).await;
    assert!(matches!(wrong, Err(v1::PgError::QueryFailed(text)) if text.contains("syntax error")));
    let denied = v1::Host::execute(&mut view, "postgres://me@db.example.com/x".to_owned(), "SELECT 1".to_owned(), vec![]).await;
    let text = "address postgres://me@db.example.com/x is not permitted";
    assert!(matches!(denied, Err(v1::PgError::ConnectionFailed(told)) if told == text));
}

#[tokio::test]
async fn versions_2_and_3_hold_connections() {
    let server = postgres::shared().unwrap();
    let mut instance = instance(&server);
    let mut view = view(&mut instance);
    let address = || postgres::address(&server);
    let connection = v2::HostConnection::open(&mut view, address()).await.unwrap().unwrap();
    let again = || Resource::<Handle>::new_borrow(connection.rep());
    v2::HostConnection::execute(&mut view, again(), "BEGIN".to_owned(), vec![]).await.unwrap().unwrap();
    let inside = "SELECT now() <> statement_timestamp() OR true, $1::bytea".to_owned();
    let parameters = vec![v2_types::ParameterValue::Binary(vec![1, 255])];
    let found = v2::HostConnection::query(&mut view, again(), inside, parameters).await.unwrap().unwrap();
    assert!(matches!(&*found.rows[0], [v2_types::DbValue::Boolean(true), v2_types::DbValue::Binary(bytes)] if *bytes == [1, 255]));
    v2::HostConnection::drop(&mut view, connection).await.unwrap();

    let connection = v3::HostConnection::open(&mut view, address()).await.unwrap().unwrap();
    let again = || Resource::<Handle>::new_borrow(connection.rep());
    let moments = "SELECT $1::date, $2::time, $3::timestamp, to_timestamp(0)".to_owned();
    let parameters =
        vec![v3::ParameterValue::Date((2024, 2, 29)), v3::ParameterValue::Time((1, 2, 3, 4_000)), v3::ParameterValue::Timestamp(86_400)];
    let found = v3::HostConnection::query(&mut view, again(), moments, parameters).await.unwrap().unwrap();
    assert!(matches!(
        &*found.rows[0],
        [
            v3::DbValue::Date((2024, 2, 29)),
            v3::DbValue::Time((1, 2, 3, 4_000)),
            v3::DbValue::Datetime((1970, 1, 2, 0, 0, 0, 0)),
            v3::DbValue::Datetime((1970, 1, 1, 0, 0, 0, 0)),
        ]
    ));
    v3::HostConnection::drop(&mut view, connection).await.unwrap();
}

#[tokio::test]
async fn an_instance_has_its_bounds() {
    let server = postgres::shared().unwrap();
    let mut instance = instance(&server);
    let operations_max = crate::postgres::Limits::default().operations_max;
    let connection = v2::HostConnection::open(&mut view(&mut instance), postgres::address(&server)).await.unwrap().unwrap();
    for _ in 0..2 {
        let mut refused = None;
        for _ in 0..=operations_max {
            let again = Resource::<Handle>::new_borrow(connection.rep());
            let done = v2::HostConnection::execute(&mut view(&mut instance), again, "SELECT 1".to_owned(), vec![]).await.unwrap();
            refused = done.err();
        }
        assert!(matches!(refused, Some(v2_types::Error::Other(text)) if text.contains("1000 statements in one invocation")));
        crate::begin_invocation(&mut instance);
    }
}

#[tokio::test]
async fn wasmcloud_has_one_session_for_each_instance() {
    let server = postgres::shared().unwrap();
    let mut instance = instance(&server);
    let mut view = view(&mut instance);
    view.query_batch("DROP TABLE IF EXISTS cloud; CREATE TABLE cloud (id int8, v varchar, d date, p point)".to_owned()).await.unwrap();
    view.query("BEGIN".to_owned(), vec![]).await.unwrap();
    let token = view.prepare("INSERT INTO cloud VALUES ($1, $2, $3, $4)".to_owned()).await.unwrap();
    let point = ((1 << 52, -52, 1), (1 << 52, -51, -1));
    let row = || {
        vec![
            types::PgValue::BigInt(7),
            types::PgValue::Varchar((None, b"x".to_vec())),
            types::PgValue::Date(types::Date::Ymd((2024, 2, 29))),
            types::PgValue::Point(point),
        ]
    };
    assert_eq!(view.exec(token.clone(), row()).await.unwrap(), 1);
    let rows = view.query("SELECT * FROM cloud".to_owned(), vec![]).await.unwrap();
    let names: Vec<_> = rows[0].iter().map(|entry| entry.column_name.as_str()).collect();
    assert_eq!(names, ["id", "v", "d", "p"]);
    let values: Vec<_> = rows[0].iter().map(|entry| &entry.value).collect();
    assert!(matches!(
        values[..],
        [
            types::PgValue::Int8(7),
            types::PgValue::Varchar((None, text)),
            types::PgValue::Date(types::Date::Ymd((2024, 2, 29))),
            types::PgValue::Point(found),
        ] if text == b"x" && *found == point
    ));
    let unknown = view.exec("made-up".to_owned(), vec![]).await;
    assert!(matches!(unknown, Err(types::PreparedStatementExecError::UnknownPreparedQuery)));
    let wrong = view.query("SELEKT".to_owned(), vec![]).await;
    assert!(matches!(wrong, Err(types::QueryError::InvalidQuery(_))));
    // The failed transaction is undone with the instance.
    drop(instance);
    let mut next = self::instance(&server);
    let mut view = super::view(&mut next);
    assert!(view.query("SELECT * FROM cloud".to_owned(), vec![]).await.unwrap().is_empty());
}

#[tokio::test]
async fn wasmclouds_parameters_are_read_by_the_server() {
    let server = postgres::shared().unwrap();
    let mut instance = instance(&server);
    let mut view = view(&mut instance);
    let one = (1 << 52, -52, 1);
    let time = types::Time { hour: 1, min: 2, sec: 3, micro: 4 };
    let date = types::Date::Ymd((2024, 2, 29));
    let timestamp = types::Timestamp { date, time };
    for (kind, value, expected) in [
        ("float8", types::PgValue::Double(one), "1"),
        ("numeric", types::PgValue::Numeric("1.50".to_owned()), "1.50"),
        ("bit(3)", types::PgValue::Bit((3, vec![0b1010_0000])), "101"),
        ("varbit", types::PgValue::Varbit((None, vec![3])), "00000011"),
        ("bytea[]", types::PgValue::ByteaArray(vec![vec![1, 255]]), "{\"\\\\x01ff\"}"),
        ("inet", types::PgValue::Inet("10.0.0.1".to_owned()), "10.0.0.1/32"),
        ("macaddr", types::PgValue::Macaddr(types::MacAddressEui48 { bytes: (1, 2, 3, 4, 5, 255) }), "01:02:03:04:05:ff"),
        ("box", types::PgValue::Box(((one, one), (one, one))), "(1,1),(1,1)"),
        ("box[]", types::PgValue::BoxArray(vec![((one, one), (one, one)), ((one, one), (one, one))]), "{(1,1),(1,1);(1,1),(1,1)}"),
        ("circle", types::PgValue::Circle(((one, one), one)), "<(1,1),1>"),
        ("lseg", types::PgValue::Lseg(((one, one), (one, one))), "[(1,1),(1,1)]"),
        ("path", types::PgValue::Path(vec![(one, one)]), "((1,1))"),
        ("date", types::PgValue::Date(types::Date::PositiveInfinity), "infinity"),
        ("timestamp", types::PgValue::Timestamp(timestamp), "2024-02-29 01:02:03.000004"),
        (
            "timestamptz",
            types::PgValue::TimestampTz(types::TimestampTz { timestamp, offset: types::Offset::WesternHemisphereSecs(3_600) }),
            "2024-02-29 02:02:03.000004+00",
        ),
        ("pg_lsn", types::PgValue::PgLsn(0x1_0000_00ff), "1/FF"),
        ("text[]", types::PgValue::TextArray(vec!["a,\"b\\".to_owned(), "NULL".to_owned()]), "{\"a,\\\"b\\\\\",\"NULL\"}"),
        ("uuid[]", types::PgValue::UuidArray(vec![]), "{}"),
        (
            "tsvector",
            types::PgValue::TsVector(vec![types::Lexeme {
                position: Some(2),
                weight: Some(types::LexemeWeight::A),
                data: "it's".to_owned(),
            }]),
            "'it''s':2A",
        ),
    ] {
        view.query("SET TIME ZONE 'UTC'".to_owned(), vec![]).await.unwrap();
        let rows = view.query(format!("SELECT $1::{kind}::text"), vec![value]).await.unwrap();
        assert!(matches!(&rows[0][0].value, types::PgValue::Text(text) if text == expected), "{kind}: {:?}", rows[0][0].value);
    }
}

#[tokio::test]
async fn an_instance_without_a_grant_reaches_nothing() {
    let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
    let mut instance = InstanceState::new(Arc::new(identity), Arc::new([]), Arc::new(Limits::default()));
    let mut view = view(&mut instance);
    let denied = open(&mut view, "postgres://me@localhost/x", None).await.unwrap();
    assert_eq!(denied.unwrap_err(), Error::NotPermitted("postgres://me@localhost/x".to_owned()));
    let denied = view.query("SELECT 1".to_owned(), vec![]).await;
    assert!(matches!(denied, Err(types::QueryError::Unexpected(text)) if text == "access denied"));
}
