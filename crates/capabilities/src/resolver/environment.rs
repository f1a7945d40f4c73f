//! The process environment as it was read at the edge, and `.env` files, which say the same in `NAME=value` lines. A `.env` file
//! knows comments, `export` and quotes; it does not substitute other variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Secret, files};

/// The prefix under which the built-in provider looks.
pub(super) const PREFIX: &str = "SPIN_VARIABLE";

/// The environment of the process. The edge of the program reads it once and leaves it in the site.
#[derive(Debug, Default, Clone)]
pub struct Environment {
    variables: BTreeMap<String, Secret>,
    dotenv: Option<PathBuf>,
}

/// Why a `.env` file is not used. No message repeats a line: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum DotenvError {
    #[error("it cannot be read")]
    Read(#[from] std::io::Error),
    #[error("line {line} is not `NAME=value`")]
    Line { line: usize },
}

impl Environment {
    /// An environment of these variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name, value.into())).collect(), dotenv: None }
    }

    /// Also looks into the file at `path`, if there is one, for what the environment itself does not have.
    #[must_use]
    pub fn with_dotenv(self, path: PathBuf) -> Self {
        Self { dotenv: Some(path), ..self }
    }

    /// The value of the environment variable `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.variables.get(name)
    }

    pub(super) fn dotenv(&self) -> Option<&Path> {
        self.dotenv.as_deref()
    }
}

/// The environment variable in which the built-in provider looks for the variable `name`.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}_{}", name.to_ascii_uppercase())
}

/// Reads a `.env` file.
pub(super) fn read_dotenv(path: &Path) -> Result<BTreeMap<String, Secret>, DotenvError> {
    parse_dotenv(&files::read(path)?)
}

fn parse_dotenv(text: &str) -> Result<BTreeMap<String, Secret>, DotenvError> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(line, text)| parse_line(text).ok_or(DotenvError::Line { line })).collect()
}

fn parse_line(line: &str) -> Option<(String, Secret)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
    if name.is_empty() || !is_name {
        return None;
    }
    Some((name.to_owned(), parse_value(value.trim())?.into()))
}

/// Reads what follows `=`: `'as it stands'`, `"with \n escapes"`, or bare text up to ` #`.
fn parse_value(text: &str) -> Option<String> {
    let (value, rest) = match text.chars().next() {
        Some('\'') => {
            let (value, rest) = text.get(1..)?.split_once('\'')?;
            (value.to_owned(), rest)
        }
        Some('"') => parse_double_quoted(text.get(1..)?)?,
        _ => {
            let end = text.find(" #").or_else(|| text.starts_with('#').then_some(0)).unwrap_or(text.len());
            (text.get(..end)?.trim_end().to_owned(), "")
        }
    };
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(value)
}

fn parse_double_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        parse_dotenv(text).ok()?.get("A").map(|value| value.expose().to_owned())
    }

    #[test]
    fn dotenv_lines_are_read() {
        for (text, expected) in [
            ("A=1", "1"),
            ("\n# a comment\nexport A = one two  # three", "one two"),
            ("A='$x # \"y\"'", "$x # \"y\""),
            (r#"A="a\nb\"c\\" # d"#, "a\nb\"c\\"),
            ("A=a#b", "a#b"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=x=y", "x=y"),
        ] {
            assert_eq!(value(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_dotenv_error_names_the_line_and_not_its_text() {
        for text in ["A=1\n\ncanary", "A=1\n\n\"canary\"=1", "A=1\n\nA=\"canary", "A=1\n\nA='canary' more"] {
            let error = parse_dotenv(text).unwrap_err().to_string();
            assert_eq!(error, "line 3 is not `NAME=value`", "{text}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::new([("PASSWORD".to_owned(), "canary".to_owned())]);
        assert!(!format!("{environment:?}").contains("canary"));
    }
}
