//! Text that must not be seen: the value of a variable. There is no `Display`, and `Debug` shows nothing of it.

use std::fmt;

/// A value that stays out of logs and messages.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the guest that was granted it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
