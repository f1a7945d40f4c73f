//! What becomes of a request before a service sees it: refused, or cleaned and bounded.

mod body;
mod hygiene;

pub(crate) use body::bound;
pub(crate) use hygiene::{Context, admit, belongs_to_head};
