//! The names under which a component meets its host: rewriting them, and bringing those of older WASI worlds up to date.

mod renew;
mod rewrite;

pub(crate) use renew::{released, renew};
pub use rewrite::{RenameError, rename_imports};
