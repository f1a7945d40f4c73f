//! Core modules. Programs for WASI 0.1 run as they are; what wit-bindgen makes for `wasm32-wasip1`, and the modules of Spin 1, are made
//! components when they are loaded. What is neither is told what it is and where it belongs.

mod adapt;
mod anatomy;
mod encode;
mod refuse;
mod spin1;

pub(crate) use adapt::{Adaptable, Adapter, Fate, fate};
#[cfg(feature = "compile")]
pub(crate) use encode::encode;
pub use refuse::ModuleError;
