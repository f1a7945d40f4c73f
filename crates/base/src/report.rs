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
        one_line(f, self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            f.write_str(": ")?;
            one_line(f, error)?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Causes come from many libraries, some of which break lines.
fn one_line(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.enumerate().try_for_each(|(number, line)| write!(f, "{}{line}", if number == 0 { "" } else { " " }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Cause(&'static str, #[source] Option<Box<Cause>>);

    #[test]
    fn causes_follow_on_one_line() {
        let error = Cause("it failed", Some(Box::new(Cause("a:\n  b\n\n  c", Some(Box::new(Cause("why", None)))))));
        assert_eq!(chain(&error).to_string(), "it failed: a: b c: why");
        assert_eq!(chain(&Cause("alone", None)).to_string(), "alone");
    }
}
