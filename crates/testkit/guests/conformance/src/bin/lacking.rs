//! Asks for what no version of the host answers yet.

use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "lacking", generate_all });
use wasmcloud::identity::store::get;

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    get("audience").map(|token| token.unwrap_or_default().into_bytes()).map_err(|error| format!("{error:?}"))
}
