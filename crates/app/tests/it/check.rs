//! Loads a manifest and compares what comes out.

use coracle_app::{App, load};
use expect_test::Expect;

/// Loads a manifest that must be without error.
#[track_caller]
pub(crate) fn app(file: &str, text: &str) -> App {
    load(text, file, None, None).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Loads a manifest that must be at fault, and compares what is said about it.
#[track_caller]
pub(crate) fn errors(file: &str, text: &str, expected: Expect) {
    match load(text, file, None, None) {
        Ok(app) => panic!("accepted: {app:#?}"),
        Err(errors) => expected.assert_eq(&errors.to_string()),
    }
}

/// Compares the warnings of a manifest that is without error.
#[track_caller]
pub(crate) fn warnings(file: &str, text: &str, expected: Expect) {
    let lines: Vec<String> = app(file, text).warnings.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
}
