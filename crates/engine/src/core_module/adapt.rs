//! Picks the adapter for a module and encodes the component.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::anatomy::Anatomy;
use super::refuse::{PREVIEW_1, library, refuse, refuse_broken_libc};
use super::{ModuleError, exit_status, spin1};

/// The component that `module` becomes.
pub(crate) fn adapt(module: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let anatomy = Anatomy::of(module)?;
    let is_spin1 = spin1::is_spin1(&anatomy);
    refuse(&anatomy, |from| from == PREVIEW_1 || (is_spin1 && spin1::interface(from).is_some()))?;
    refuse_broken_libc(&anatomy)?;
    if is_spin1 {
        return encode(&spin1::renew(module, &anatomy)?, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
    }
    // An interface's function shows a reactor, which may have a `_start` all the same.
    let is_reactor = anatomy.functions.iter().any(|name| name.contains('#'));
    let is_command = anatomy.functions.contains("_start");
    match (anatomy.has_component_type, is_command) {
        (false, false) => Err(library(&anatomy)),
        (false, true) if !is_reactor && anatomy.imports_any(|from, name| from == PREVIEW_1 && name == "proc_exit") => {
            encode(&exit_status::keep(module)?, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        }
        (_, true) if !is_reactor => encode(module, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        _ => encode(module, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
    }
}

fn encode(module: &[u8], adapter: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let encode = || {
        let encoder = ComponentEncoder::default().validate(true).module(module)?;
        encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?.encode()
    };
    // The encoder was written for the output of toolchains, not for modules made to break it; it owns all that it works on.
    let encoded = catch_unwind(AssertUnwindSafe(encode)).map_err(|_| ModuleError::Encode("the encoder panicked".to_owned()))?;
    encoded.map_err(|error| ModuleError::Encode(format!("{error:#}")))
}
