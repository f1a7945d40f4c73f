//! The only place of the benchmark that prints.

/// A line of the result.
#[expect(clippy::print_stdout, reason = "a benchmark's output is its result")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A line about the progress, beside the result.
#[expect(clippy::print_stderr, reason = "whoever waits wants to know for what")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}
