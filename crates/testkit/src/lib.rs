//! What tests share: guests that other people's SDKs compiled, guests built from this repository, clients that
//! speak raw HTTP, and servers.

pub mod certificates;
pub mod fakes;
pub mod frames;
pub mod raw;
pub mod servers;

use std::path::PathBuf;

/// A component that imports one interface of key-value stores under the labels `cache` and `sessions`, as text.
pub const LABELLED_STORES: &str = include_str!("../wat/labelled-stores.wat");

/// A component that imports two secrets by their names, as text.
pub const LABELLED_SECRETS: &str = include_str!("../wat/labelled-secrets.wat");

/// The bytes of a guest in `fixtures/`, compiled by somebody else's SDK and kept as it came.
///
/// # Errors
/// When there is no such fixture.
pub fn fixture(name: &str) -> anyhow::Result<Vec<u8>> {
    use anyhow::Context as _;
    let path = fixture_path(name);
    std::fs::read(&path).with_context(|| format!("no fixture at {}", path.display()))
}

/// Where a fixture lies.
#[must_use]
pub fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(format!("{name}.wasm"))
}

/// The bytes of a guest of this repository.
///
/// # Errors
/// When it was not compiled: `cargo xtask guests` does that.
pub fn built(name: &str) -> anyhow::Result<Vec<u8>> {
    use anyhow::Context as _;
    let path = built_path(name);
    std::fs::read(&path).with_context(|| format!("no guest at {}; run `cargo xtask guests`", path.display()))
}

/// Where a guest of this repository lies once it is compiled.
#[must_use]
pub fn built_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/out").join(format!("{name}.wasm"))
}
