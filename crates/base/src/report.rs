//! An error with all its causes on one line, for the edge that prints it: no error's own text repeats its cause.

use std::error::Error;
use std::fmt;

/// Prints `error: cause: cause`.
#[derive(Debug)]
pub struct Chain<'a>(&'a (dyn Error + 'static));

/// The text of `error` followed by its causes.
#[must_use]
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    Chain(error)
}

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
