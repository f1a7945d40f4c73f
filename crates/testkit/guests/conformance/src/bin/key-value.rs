//! Opens a store that was not granted, then writes, reads, lists and deletes in one that was.

use conformance::ensure;
use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "stores" });
use fermyon::spin::key_value::{Error, Store};

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    let text = |error: Error| format!("{error:?}");
    if !matches!(Store::open("default"), Err(Error::AccessDenied)) {
        let forbidden = Store::open("forbidden").err();
        ensure(matches!(forbidden, Some(Error::AccessDenied)), || format!("`forbidden` gave {forbidden:?}"))?;
    }
    let store = Store::open("default").map_err(text)?;
    store.delete("bar").map_err(text)?;
    ensure(!store.exists("bar").map_err(text)?, || "`bar` exists after its deletion".to_owned())?;
    ensure(store.get("bar").map_err(text)?.is_none(), || "`bar` has a value after its deletion".to_owned())?;
    ensure(store.get_keys().map_err(text)?.is_empty(), || "an empty store has keys".to_owned())?;
    store.set("bar", b"baz").map_err(text)?;
    store.set("bar", b"wow").map_err(text)?;
    ensure(store.exists("bar").map_err(text)?, || "`bar` does not exist".to_owned())?;
    ensure(store.get("bar").map_err(text)?.as_deref() == Some(b"wow"), || "`bar` is not `wow`".to_owned())?;
    ensure(store.get_keys().map_err(text)? == ["bar"], || "the keys are not just `bar`".to_owned())?;
    store.delete("bar").map_err(text)?;
    store.delete("bar").map_err(text)?;
    ensure(!store.exists("bar").map_err(text)?, || "`bar` exists at the end".to_owned())?;
    Ok(Vec::new())
}
