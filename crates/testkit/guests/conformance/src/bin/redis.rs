//! Sets, gets, counts and deletes in Redis, at the address in the header `redis-address`.

use conformance::ensure;
use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "cached" });
use fermyon::spin::redis::{Connection, Error, RedisParameter, RedisResult};

conformance::program!(check);

fn check(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let text = |error: Error| format!("{error:?}");
    let address = request.headers().get("redis-address").into_iter().next().ok_or("no `redis-address`")?;
    let connection = Connection::open(&String::from_utf8_lossy(&address)).map_err(text)?;

    connection.set("spin-example-get-set", &[b'E', b'u', b'r']).map_err(text)?;
    let value = connection.get("spin-example-get-set").map_err(text)?;
    ensure(value.as_deref() == Some(b"Eur"), || format!("the value is {value:?}"))?;

    connection.set("spin-example-incr", b"0").map_err(text)?;
    let sum = connection.incr("spin-example-incr").map_err(text)?;
    ensure(sum == 1, || format!("the sum is {sum}"))?;

    let keys = ["spin-example-get-set", "spin-example-incr"].map(str::to_owned);
    let deleted = connection.del(&keys).map_err(text)?;
    ensure(deleted == 2, || format!("{deleted} keys were deleted"))?;
    let value = connection.get("spin-example-get-set").map_err(text)?;
    ensure(value.is_none(), || "a deleted key has a value".to_owned())?;

    let binary = |text: &str| RedisParameter::Binary(text.as_bytes().to_vec());
    let execute = |command: &str, arguments: &[RedisParameter]| connection.execute(command, arguments).map_err(text);
    execute("set", &[binary("spin-example"), binary("Eureka! ")])?;
    execute("append", &[binary("spin-example"), RedisParameter::Int64(123)])?;
    let parts = execute("get", &[binary("spin-example")])?;
    ensure(matches!(&parts[..], [RedisResult::Binary(value)] if value == b"Eureka! 123"), || format!("the parts are {parts:?}"))?;
    connection.publish("spin-example", b"done").map_err(text)?;
    Ok(Vec::new())
}
