//! Collects problems by their offset in the text and turns offsets into lines and columns at the end.

use super::At;
use crate::problem::{Errors, Place, Places, Problem, Warning};

/// More problems than this are not reported one by one: nobody reads them, and hostile text could make millions.
const PROBLEMS_MAX: usize = 100;

/// The problems and warnings found so far in one manifest.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    errors: Vec<Found>,
    warnings: Vec<Warning>,
    /// How many errors were found after the list was full.
    dropped: usize,
}

#[derive(Debug)]
struct Found {
    start: usize,
    message: String,
    remedy: String,
}

impl<'t> Problems<'t> {
    pub(crate) fn new(text: &'t str, file: &'t str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(offset, _)| offset + 1)).collect();
        Self { file, text, line_starts, errors: Vec::new(), warnings: Vec::new(), dropped: 0 }
    }

    pub(crate) fn error(&mut self, start: usize, message: impl Into<String>, remedy: impl Into<String>) {
        if self.errors.len() >= PROBLEMS_MAX {
            self.dropped += 1;
            return;
        }
        self.errors.push(Found { start, message: message.into(), remedy: remedy.into() });
    }

    pub(crate) fn warn(&mut self, start: usize, message: impl Into<String>) {
        if self.warnings.len() < PROBLEMS_MAX {
            let place = Some(self.place(start));
            self.warnings.push(Warning { place, message: message.into() });
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// All warnings, in the order of the text.
    pub(crate) fn into_warnings(mut self) -> Vec<Warning> {
        self.warnings.sort_by(|one, other| one.place.cmp(&other.place));
        self.warnings
    }

    /// All errors, in the order of the text.
    pub(crate) fn into_errors(mut self) -> Errors {
        self.errors.sort_by_key(|found| found.start);
        let mut problems: Vec<Problem> = self
            .errors
            .iter()
            .map(|found| Problem {
                place: self.place(found.start),
                message: found.message.clone(),
                remedy: Some(found.remedy.clone()).filter(|remedy| !remedy.is_empty()),
            })
            .collect();
        problems.dedup();
        if self.dropped > 0 {
            problems.push(Problem {
                place: self.place(self.text.len()),
                message: format!("{} more problems are not shown", self.dropped),
                remedy: Some("correct the ones above and check again".to_owned()),
            });
        }
        Errors { problems, warnings: self.into_warnings() }
    }

    /// The places of a table and of the keys in it.
    pub(crate) fn places(&self, at: At<'_>) -> Places {
        let mut places = Places::new(self.place(at.key));
        for (name, at) in at.entries() {
            places.insert(name, self.place(at.key));
        }
        places
    }

    /// The place of an offset.
    pub(crate) fn place(&self, start: usize) -> Place {
        let line = self.line_starts.partition_point(|line_start| *line_start <= start).max(1);
        let line_start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(line_start..start).unwrap_or_default();
        Place { file: self.file.to_owned(), line, column: before.chars().count() + 1 }
    }
}
