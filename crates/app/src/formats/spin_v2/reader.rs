//! Reads one table of a checked tree into its type.

use serde::de::DeserializeOwned;

use crate::document::{At, Dirty, Problems};
use crate::model::{Format, NameStyle};

/// Reads tables and collects what is wrong with them.
pub(super) struct Reader<'p, 't> {
    pub(super) problems: &'p mut Problems<'t>,
    pub(super) dirty: &'p Dirty,
    pub(super) format: Format,
}

impl Reader<'_, '_> {
    /// The table at this place without the entries that were already found to be at fault; `None` when it is absent
    /// or cannot be read without those.
    pub(super) fn read<T: DeserializeOwned>(&mut self, at: At<'_>) -> Option<T> {
        let node = at.node?;
        match serde_json::from_value(self.dirty.sound_json(node)) {
            Ok(table) => Some(table),
            Err(_) if self.dirty.touches(node) => None,
            Err(error) => {
                self.problems.error(at.start, error.to_string(), "correct this value");
                None
            }
        }
    }

    /// Whether something was already found to be wrong with the value at this place.
    pub(super) fn is_touched(&self, at: At<'_>) -> bool {
        at.node.is_some_and(|node| self.dirty.touches(node))
    }

    /// Checks a name; `what` says what it names.
    pub(super) fn check_name(&mut self, style: NameStyle, what: &str, name: &str, start: usize) -> bool {
        let Err(error) = style.check(name) else {
            return true;
        };
        let example = match style {
            NameStyle::Kebab => "write it in kebab-case, such as `my-component`",
            NameStyle::Snake => "write it in snake_case, such as `my_name`",
            NameStyle::LowerSnake => "write it in lower_snake_case, such as `api_key`",
            NameStyle::Label => "use words of letters and digits joined by `-` or `_`",
        };
        self.problems.error(start, format!("{what} `{name}`: {error}"), example);
        false
    }
}
