//! Asks for a variable that is defined, for one that is not, and for names that cannot be.

use conformance::ensure;
use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "configured" });
use fermyon::spin::variables::{Error, get};

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    let value = get("variable").map_err(|error| format!("{error:?}"))?;
    ensure(value == "value", || format!("`variable` is {value}"))?;
    let missing = get("non_existent");
    ensure(matches!(missing, Err(Error::Undefined(_))), || format!("`non_existent` gave {missing:?}"))?;
    for name in ["invalid-name", "invalid!name", "4invalidname"] {
        let invalid = get(name);
        ensure(matches!(invalid, Err(Error::InvalidName(_))), || format!("`{name}` gave {invalid:?}"))?;
    }
    Ok(Vec::new())
}
