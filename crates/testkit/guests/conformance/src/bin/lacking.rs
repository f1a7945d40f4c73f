//! Asks for what no version of the host answers yet.

use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "lacking" });
use fermyon::spin::llm::infer;

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    infer("llama2-chat", "hello").map(String::into_bytes).map_err(|error| format!("{error:?}"))
}
