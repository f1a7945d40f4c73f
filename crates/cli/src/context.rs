//! What every command is given: the process environment, read once, and the place where it prints.

use crate::environment::Environment;
use crate::output::Output;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The process environment.
    pub(crate) environment: Environment,
    /// Where results, notes and errors go.
    pub(crate) output: Output,
}
