//! Rewinding: an instance that has answered is put back to the moment after its instantiation, so that the next request finds it as
//! fresh as a new one for a fraction of the cost. Memory is put back from outside, page by page; globals by two functions that are added
//! to each core module before it is compiled. A component whose state cannot all be put back this way is left as it is, and each of
//! its requests gets a new instance. See `docs/decisions/008-rewinding.md`.

mod add;
mod faults;
mod module;
mod pagemap;
mod plan;
mod snapshot;

pub(crate) use add::{Marks, add};
pub use snapshot::{Rewind, Snapshot};

/// The function that tells where the memory is.
const BASE: &str = "coracle-rewind-base";
/// Functions that keep the globals of one module, and put them back; a letter follows.
const SAVE: &str = "coracle-rewind-save-";
const RESTORE: &str = "coracle-rewind-restore-";
/// How the names of what is added begin, in a component and in its modules.
const RESERVED: &str = "coracle-rewind-";
/// Modules with globals in one component; SDKs make one or two.
const MODULES_MAX: usize = 8;

/// `name` for the module with this number among those that have globals.
fn numbered(name: &str, number: usize) -> String {
    let letter = u8::try_from(number).map_or('z', |number| char::from(b'a'.saturating_add(number)));
    format!("{name}{letter}")
}
