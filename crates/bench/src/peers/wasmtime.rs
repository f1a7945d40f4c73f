//! `wasmtime serve`, the reference host: the same guests, the same version of the engine.

use std::path::Path;

use anyhow::Result;

use super::Peer;
use super::package::Package;
use crate::server::{Launch, free_address};

pub(crate) const PEER: Peer =
    Peer { name: "wasmtime", package: Package::Crate { name: "wasmtime-cli", version: "48.0.8", program: "wasmtime" } };

/// How it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As it comes: an instance for each request.
    Fresh,
    /// An instance serves 128 requests, as ours do by default where reuse is allowed.
    Reuse,
    /// An instance for each request, with the settings that keep its pool's memory resident.
    Tuned,
}

/// Serves `guest`, with compiled code in the cache at `cache`.
pub(crate) fn serve(program: &Path, guest: &Path, mode: Mode, cache: &Path) -> Result<Launch> {
    let address = free_address()?;
    let launch = Launch::new(program, address).args(["serve", "--addr", &address.to_string(), "-Scli", "-Skeyvalue"]);
    let launch = match mode {
        Mode::Fresh => launch,
        Mode::Reuse => launch.args(["--max-instance-reuse-count", "128"]),
        Mode::Tuned => {
            launch.args(["-Opooling-memory-keep-resident=2097152", "-Opooling-table-keep-resident=65536", "-Opooling-pagemap-scan=y"])
        }
    };
    // Its cache of compiled code lies in the user's cache folder.
    Ok(launch.arg(guest).env("XDG_CACHE_HOME", cache).env("HOME", cache))
}

/// The same with one more option, before the guest's name.
pub(crate) fn with_option(mut launch: Launch, option: &str) -> Launch {
    let before = launch.arguments.len().saturating_sub(1);
    launch.arguments.insert(before, option.into());
    launch
}
