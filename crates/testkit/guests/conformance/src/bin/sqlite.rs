//! Opens a database that was not granted, then makes a table in one that was, inserts a row and selects it.

use conformance::ensure;
use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "databases" });
use fermyon::spin::sqlite::{Connection, Error, Value};

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    let text = |error: Error| format!("{error:?}");
    if !matches!(Connection::open("default"), Err(Error::AccessDenied)) {
        let forbidden = Connection::open("forbidden").err();
        ensure(matches!(forbidden, Some(Error::AccessDenied)), || format!("`forbidden` gave {forbidden:?}"))?;
    }
    let connection = Connection::open("default").map_err(text)?;
    connection.execute("CREATE TABLE IF NOT EXISTS test_data(key TEXT NOT NULL, value TEXT NOT NULL)", &[]).map_err(text)?;
    let row = [Value::Text("my_key".to_owned()), Value::Text("my_value".to_owned())];
    connection.execute("INSERT INTO test_data(key, value) VALUES(?, ?)", &row).map_err(text)?;
    let key = [Value::Text("my_key".to_owned())];
    let selected = connection.execute("SELECT key, value FROM test_data WHERE key = ?", &key).map_err(text)?;
    ensure(selected.columns == ["key", "value"], || format!("the columns are {:?}", selected.columns))?;
    let [only] = selected.rows.as_slice() else { return Err(format!("there are {} rows", selected.rows.len())) };
    let expected = matches!(only.values.as_slice(), [Value::Text(key), Value::Text(value)] if key == "my_key" && value == "my_value");
    ensure(expected, || format!("the row is {:?}", only.values))?;
    Ok(Vec::new())
}
