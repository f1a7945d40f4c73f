//! Components that were built for wasmCloud, as they are.

use crate::support::App;

/// A manifest of one component on every path, as short as it can be.
const MANIFEST: &str = "
application = { name = \"counting\" }

[[trigger.http]]
route = \"/...\"
component = \"counter\"

[component.counter]
source = \"wasmcloud-counter.wasm\"
key_value_stores = [\"default\"]
variables = { greeting = \"hello\" }
";

#[test]
fn a_component_alone_starts_and_is_denied_what_it_was_not_granted() {
    let app = App::new();
    app.fixture("wasmcloud-counter");
    let serving = app.up(&["wasmcloud-counter.wasm"]);
    assert_eq!(serving.get("/a"), (200, "open: Error::AccessDenied\n".to_owned()));
}

#[test]
fn a_small_manifest_gives_it_a_store_and_its_configuration() {
    let app = App::new();
    app.fixture("wasmcloud-counter");
    app.file("coracle.toml", MANIFEST);
    let count = |serving: &crate::support::Serving| serving.get("/a").1;
    let first = app.up(&[]);
    assert_eq!(count(&first), "Counter /a: Ok(1) keys=Ok([\"/a\"]) greeting=Ok(Some(\"hello\"))\n");
    assert!(first.stop().success());
    assert!(count(&app.up(&[])).starts_with("Counter /a: Ok(2)"), "the store outlives the server");
}
