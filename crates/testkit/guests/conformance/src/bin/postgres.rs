//! What Spin's suite asks of `spin:postgres` 4.0: values of every kind come back as they went. The address is in a header.

use wasip2::http::types::IncomingRequest;

use conformance::ensure;

wit_bindgen::generate!({ path: "wit", world: "tables", generate_all });
use spin::postgres::postgres::{Connection, DbValue, Error, Interval, ParameterValue, RangeBoundKind};

conformance::program!(check);

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let address = request.headers().get("address").pop().unwrap_or_default();
    run(&String::from_utf8_lossy(&address)).map_err(|error| format!("{error:?}")).and_then(|wrong| match wrong {
        None => Ok(Vec::new()),
        Some(wrong) => Err(wrong),
    })
}

fn run(address: &str) -> Result<Option<String>, Error> {
    let connection = Connection::open(address)?;
    connection.execute("DROP TABLE IF EXISTS conformance", &[])?;
    connection.execute(
        "CREATE TABLE conformance (intid int4 PRIMARY KEY, big int8, small int2, ok bool, f4 float4, f8 float8, dec numeric(20, 4), \
         vc varchar(20), ch char(5), t text, d date, ti time, ts timestamp, j jsonb, u uuid, r int4range, a int4[], s text[], i interval, n text)",
        &[],
    )?;
    let parameters = [
        ParameterValue::Int32(1),
        ParameterValue::Int64(1 << 40),
        ParameterValue::Int16(-7),
        ParameterValue::Boolean(true),
        ParameterValue::Floating32(1.5),
        ParameterValue::Floating64(-2.25),
        ParameterValue::Decimal("1234567.8901".to_owned()),
        ParameterValue::Str("varchar".to_owned()),
        ParameterValue::Str("char".to_owned()),
        ParameterValue::Str("text".to_owned()),
        ParameterValue::Date((2025, 4, 13)),
        ParameterValue::Time((4, 5, 6, 789_000_000)),
        ParameterValue::Datetime((2025, 4, 13, 4, 5, 6, 0)),
        ParameterValue::Jsonb(br#"{"k": "v"}"#.to_vec()),
        ParameterValue::Uuid("b5b5f5a0-0b0b-4c4c-8d8d-0123456789ab".to_owned()),
        ParameterValue::RangeInt32((Some((5, RangeBoundKind::Inclusive)), Some((18, RangeBoundKind::Exclusive)))),
        ParameterValue::ArrayInt32(vec![Some(1), None, Some(3)]),
        ParameterValue::ArrayStr(vec![Some("a".to_owned()), None]),
        ParameterValue::Interval(Interval { micros: 1, days: 2, months: 3 }),
        ParameterValue::DbNull,
    ];
    let places = (1..=parameters.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ");
    let inserted = connection.execute(&format!("INSERT INTO conformance VALUES ({places})"), &parameters)?;
    let found = connection.query("SELECT * FROM conformance", &[])?;
    let row = format!("{:?}", found.rows.first()).replace("DbValue::", "");
    let expected = "[Int32(1), Int64(1099511627776), Int16(-7), Boolean(true), Floating32(1.5), Floating64(-2.25), \
         Decimal(\"1234567.8901\"), Str(\"varchar\"), Str(\"char \"), Str(\"text\"), Date((2025, 4, 13)), Time((4, 5, 6, 789000000)), \
         Datetime((2025, 4, 13, 4, 5, 6, 0)), Jsonb(";
    let called = connection.query("SELECT upper($1::text)", &[ParameterValue::Str("x".to_owned())])?;
    let failed = connection.query("SELECT no_such_column FROM conformance", &[]);
    let checked = ensure(inserted == 1 && found.columns.len() == parameters.len(), || format!("{inserted} rows of {} columns", found.columns.len()))
        .and_then(|()| ensure(row.contains(expected), || row.clone()))
        .and_then(|()| ensure(matches!(found.rows[0].last(), Some(DbValue::DbNull)), || row.clone()))
        .and_then(|()| ensure(matches!(&*called.rows[0], [DbValue::Str(text)] if text == "X"), || "a call of a function".to_owned()))
        .and_then(|()| ensure(matches!(failed, Err(Error::QueryFailed(_))), || "an error of the server".to_owned()));
    Ok(checked.err())
}
