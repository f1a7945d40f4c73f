//! Text that must not be seen: the value of a variable. There is no `Display`, and `Debug` shows nothing of it.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

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

impl<'de> Deserialize<'de> for Secret {
    /// A string of a configuration. The message about anything else does not repeat it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            other => Err(D::Error::custom(format_args!("it must be a string, and is of type {}", other.type_str()))),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
