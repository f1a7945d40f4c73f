//! What every crate needs and that knows no WebAssembly: the clock, the text of an error with its causes, telemetry.

pub mod clock;
mod report;

pub use report::{Chain, chain};
