//! Answers with what its dependency can reach, a line for each.

use wasip2::http::types::IncomingRequest;

wit_bindgen::generate!({ path: "wit", world: "dependent", generate_all });
use coracle::test::probe;

conformance::program!(check);

fn check(_: &IncomingRequest) -> Result<Vec<u8>, String> {
    let own: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    let lines = [
        format!("own environment: {}", own.join(" ")),
        format!("environment: {}", probe::environment().join(" ")),
        format!("store: {:?}", probe::store()),
        format!("connect: {:?}", probe::connect()),
    ];
    Ok(lines.join("\n").into_bytes())
}
