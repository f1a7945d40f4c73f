//! Encodes a module as a component. Done where compiling is done, because it reads types that a stranger wrote.

#![cfg(feature = "compile")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::Adapter;

/// The component that `module` becomes with `adapter`, or why it cannot.
pub(crate) fn encode(module: &[u8], adapter: Adapter) -> Result<Vec<u8>, String> {
    let adapter = match adapter {
        Adapter::Command => WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        Adapter::Reactor => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
    };
    let encode = || {
        let encoder = ComponentEncoder::default().validate(true).module(module)?;
        encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?.encode()
    };
    // The encoder was written for the output of toolchains, not for modules made to break it; it owns all that it works on.
    let encoded = catch_unwind(AssertUnwindSafe(encode)).map_err(|_| "the encoder panicked".to_owned())?;
    encoded.map_err(|error| format!("{error:#}"))
}
