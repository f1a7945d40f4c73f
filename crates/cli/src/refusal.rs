//! An error with its way out on a line of its own, and how any error is told at the edge.

use coracle_app::Errors;
use coracle_base::chain;

use crate::output::Output;

/// What is wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    message: String,
    help: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Ends the enclosing function with a [`Refusal`].
pub(crate) fn refuse<T>(message: impl Into<String>, help: impl Into<String>) -> anyhow::Result<T> {
    Err(Refusal::new(message, help).into())
}

/// Prints `error` with its causes on one line, and below it every way out that it knows. A manifest's errors all have their own line.
pub(crate) fn print(output: &Output, error: &anyhow::Error) {
    if let Some(errors) = error.downcast_ref::<Errors>() {
        print_manifest(output, errors);
        return;
    }
    output.error(chain(error.as_ref()));
    for refusal in error.chain().filter_map(|cause| cause.downcast_ref::<Refusal>()) {
        output.help(&refusal.help);
    }
}

/// Prints every problem and warning of a manifest.
pub(crate) fn print_manifest(output: &Output, errors: &Errors) {
    for warning in &errors.warnings {
        output.warning(warning);
    }
    for problem in &errors.problems {
        output.error(format_args!("{}: {}", problem.place, problem.message));
        if let Some(remedy) = &problem.remedy {
            output.help(remedy);
        }
    }
}
