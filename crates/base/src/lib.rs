//! What every crate needs and that knows no WebAssembly: the clock, the text of an error with its causes, what threads share without
//! waiting for each other, metrics, telemetry.

pub mod clock;
pub mod metrics;
mod places;
mod report;
pub mod shards;
pub mod telemetry;

pub use places::Places;
pub use report::{Chain, chain};
