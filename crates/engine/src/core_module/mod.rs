//! Core modules made components when they are loaded: WASI 0.1 commands and reactors, what wit-bindgen makes for `wasm32-wasip1`, and
//! the modules of Spin 1. What cannot become a component is told what it is and where it belongs.

mod adapt;
mod anatomy;
mod exit_status;
mod refuse;
mod spin1;

pub(crate) use adapt::adapt;
pub use refuse::ModuleError;
