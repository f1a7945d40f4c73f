//! What is wrong with a manifest, and where: every problem at once, each with its place and its remedy.

use std::collections::BTreeMap;
use std::fmt;

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The name of the file as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The places of the keys of one table, so that what only shows when an application starts can be told with its line.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Places {
    table: Option<Place>,
    keys: BTreeMap<String, Place>,
}

impl Places {
    pub(crate) fn new(table: Place) -> Self {
        Self { table: Some(table), keys: BTreeMap::new() }
    }

    pub(crate) fn insert(&mut self, key: impl Into<String>, place: Place) {
        self.keys.insert(key.into(), place);
    }

    /// The place of `key`, or that of the whole table where the author did not write the key; `None` without a manifest.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Place> {
        self.keys.get(key).or(self.table.as_ref())
    }
}

impl fmt::Debug for Places {
    /// One line: a table is looked at for what it says, not for where it says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.table.iter().chain(self.keys.values()).map(|place| place.line);
        write!(f, "Places({})", lines.map(|line| line.to_string()).collect::<Vec<_>>().join(" "))
    }
}

/// One thing that must change before the application can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key or value at fault.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub remedy: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  help: {remedy}"),
            None => Ok(()),
        }
    }
}

/// Something that is allowed but probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The key or value, where it is known.
    pub place: Option<Place>,
    /// What is doubtful, and the way out.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that was found wrong with one manifest, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors {
    /// What must change; never empty.
    pub problems: Vec<Problem>,
    /// What was doubtful besides.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
