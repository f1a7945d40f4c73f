//! Opens a connection to Redis.

use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "cached" });
use fermyon::spin::redis::Connection;

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    Connection::open("redis://127.0.0.1:6379").map(|_| Vec::new()).map_err(|error| format!("{error:?}"))
}
