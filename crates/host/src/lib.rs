//! Joins the application model, the engine and the capabilities into an app made ready to run. Knows nothing of what wakes a guest.

mod admission;
mod runnable;

pub use admission::Slot;
pub use runnable::{Parts, Runnable};
