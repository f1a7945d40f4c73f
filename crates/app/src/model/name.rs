//! The rule for names: words of ASCII letters and digits, joined by a delimiter.

use std::fmt;
use std::str::FromStr;

/// The name of a component within its application, in kebab-case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(String);

impl ComponentId {
    /// Checks the name.
    ///
    /// # Errors
    /// When it is not kebab-case.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        NameStyle::Kebab.check(name)?;
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a valid id out of any text, such as the name of a file.
    pub(crate) fn coerce(text: &str) -> Self {
        let mut id = String::new();
        for character in text.chars() {
            let start_of_word = id.is_empty() || id.ends_with('-');
            match character.to_ascii_lowercase() {
                letter @ 'a'..='z' => id.push(letter),
                digit @ '0'..='9' if !start_of_word => id.push(digit),
                digit @ '0'..='9' => {
                    id.push('n');
                    id.push(digit);
                }
                _ if !start_of_word => id.push('-'),
                _ => {}
            }
        }
        let id = id.trim_end_matches('-');
        Self(if id.is_empty() { "component".to_owned() } else { id.to_owned() })
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ComponentId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ComponentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ComponentId {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::parse(name)
    }
}

/// The ways in which names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameStyle {
    /// `two-words`: components, AI models, plain dependencies.
    Kebab,
    /// `two_words`.
    Snake,
    /// `two_words`, and never upper-case: variables.
    LowerSnake,
    /// Kebab or snake: labels of stores and databases.
    Label,
}

impl NameStyle {
    /// Says whether the name follows this style.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(self, name: &str) -> Result<(), NameError> {
        match self {
            Self::Kebab => check_words(name, '-', '_'),
            Self::Snake => check_words(name, '_', '-'),
            Self::LowerSnake => {
                check_words(name, '_', '-')?;
                if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(NameError::UpperCase { name: name.to_owned() });
                }
                Ok(())
            }
            Self::Label => {
                let kebab_or_snake = Self::Kebab.check(name).or_else(|_| Self::Snake.check(name));
                kebab_or_snake.map_err(|_| NameError::Label { name: name.to_owned() })
            }
        }
    }
}

/// The rule that a name breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has no characters.
    #[error("a name must not be empty")]
    Empty,
    /// Its words are joined by the other style's delimiter.
    #[error("words must be separated with {wanted:?}, not {found:?}")]
    Delimiter {
        /// The delimiter of this style.
        wanted: char,
        /// The delimiter that was used.
        found: char,
    },
    /// Two delimiters meet, or one stands at an end.
    #[error("{delimiter:?}-separated words must not be empty")]
    EmptyWord {
        /// The delimiter of this style.
        delimiter: char,
    },
    /// A word starts with something else than a letter.
    #[error("{delimiter:?}-separated words must start with an ASCII letter; got {found:?}")]
    FirstLetter {
        /// The delimiter of this style.
        delimiter: char,
        /// What the word starts with.
        found: char,
    },
    /// A word has a character that is neither letter nor digit.
    #[error("{delimiter:?}-separated words may only contain alphanumeric ASCII; got {found:?}")]
    Character {
        /// The delimiter of this style.
        delimiter: char,
        /// The character.
        found: char,
    },
    /// A word mixes upper and lower case.
    #[error("{delimiter:?}-separated words must be all lowercase or all UPPERCASE; got {word:?}")]
    MixedCase {
        /// The delimiter of this style.
        delimiter: char,
        /// The word.
        word: String,
    },
    /// An upper-case word where only lower case is allowed.
    #[error("the name must be all lowercase; got {name:?}")]
    UpperCase {
        /// The whole name.
        name: String,
    },
    /// A label that is neither kebab-case nor snake_case.
    #[error("expected kebab-case or snake_case; got {name:?}")]
    Label {
        /// The whole name.
        name: String,
    },
}

fn check_words(name: &str, delimiter: char, wrong: char) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.contains(wrong) {
        return Err(NameError::Delimiter { wanted: delimiter, found: wrong });
    }
    name.split(delimiter).try_for_each(|word| check_word(word, delimiter))
}

fn check_word(word: &str, delimiter: char) -> Result<(), NameError> {
    let Some(first) = word.chars().next() else {
        return Err(NameError::EmptyWord { delimiter });
    };
    if !first.is_ascii_alphabetic() {
        return Err(NameError::FirstLetter { delimiter, found: first });
    }
    for character in word.chars() {
        if !character.is_ascii_alphanumeric() {
            return Err(NameError::Character { delimiter, found: character });
        }
        if character.is_ascii_alphabetic() && character.is_ascii_uppercase() != first.is_ascii_uppercase() {
            return Err(NameError::MixedCase { delimiter, word: word.to_owned() });
        }
    }
    Ok(())
}
