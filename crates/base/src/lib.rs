//! What every crate needs and that knows no WebAssembly: the clock, the text of an error with its causes, metrics, telemetry.

pub mod clock;
pub mod metrics;
mod report;
pub mod telemetry;

pub use report::{Chain, chain};
