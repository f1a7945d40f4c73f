//! What `--variable` may say: `name=value`, `name=@file` for a file's content, and `@file.json` or `@file.toml` for a table of strings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Secret, files, name};

/// Why a `--variable` is not understood. No message repeats a value.
#[derive(Debug, thiserror::Error)]
pub enum OverrideError {
    /// Neither an assignment nor a file.
    #[error("`--variable` number {number} is not `name=value`, `name=@file`, `@file.json` or `@file.toml`")]
    Form {
        /// Its place among the others, from 1.
        number: usize,
    },
    /// The name breaks the rule for names.
    #[error("`--variable`: `{name}` is not the name of a variable: {rule}")]
    Name {
        /// What was given as a name.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The file cannot be read.
    #[error("`--variable`: `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a table of strings.
    #[error("`--variable`: `{}` is not a table of strings{at}; write `name = \"value\"` pairs", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The name of the value that is no string, or nothing.
        at: String,
    },
}

/// Reads every `--variable` of a command line; a later one overrules those before it.
///
/// # Errors
/// [`OverrideError`] for the first that is not understood.
pub fn overrides<S: AsRef<str>>(arguments: &[S]) -> Result<BTreeMap<String, Secret>, OverrideError> {
    let mut all = BTreeMap::new();
    for (index, argument) in arguments.iter().enumerate() {
        let argument = argument.as_ref();
        let given = match argument.strip_prefix('@') {
            Some(path) => read_table(Path::new(path), index + 1)?,
            None => BTreeMap::from([read_pair(argument, index + 1)?]),
        };
        for (name, value) in given {
            name::check(&name).map_err(|rule| OverrideError::Name { name: name::shown(&name), rule })?;
            all.insert(name, value);
        }
    }
    Ok(all)
}

fn read_pair(argument: &str, number: usize) -> Result<(String, Secret), OverrideError> {
    let (name, value) = argument.split_once('=').ok_or(OverrideError::Form { number })?;
    let value = match value.strip_prefix('@') {
        Some(path) => read(Path::new(path))?,
        None => value.to_owned(),
    };
    Ok((name.to_owned(), value.into()))
}

fn read_table(path: &Path, number: usize) -> Result<BTreeMap<String, Secret>, OverrideError> {
    let wrong = |at: &str| OverrideError::Table { path: path.to_owned(), at: at.to_owned() };
    // The parsers' own messages quote the text; the name of the file must do.
    let table: serde_json::Map<String, serde_json::Value> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&read(path)?).map_err(|_| wrong(""))?,
        Some("toml") => toml::from_str(&read(path)?).map_err(|_| wrong(""))?,
        _ => return Err(OverrideError::Form { number }),
    };
    let text = |(name, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(value) => Ok((name, Secret::from(value))),
        _ => Err(wrong(&format!(" at `{}`", name::shown(&name)))),
    };
    table.into_iter().map(text).collect()
}

fn read(path: &Path) -> Result<String, OverrideError> {
    files::read(path).map_err(|source| OverrideError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[String]) -> Result<Vec<(String, String)>, String> {
        let read = overrides(arguments).map_err(|error| coracle_base::chain(&error).to_string())?;
        Ok(read.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect())
    }

    #[test]
    fn every_form_is_read_and_the_last_word_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let json = file("v.json", r#"{ "a": "json", "b": "json" }"#);
        let toml = file("v.toml", "b = 'toml'");
        let plain = file("plain", "line\n");
        let arguments = [format!("@{json}"), format!("@{toml}"), "c=x=y".to_owned(), format!("d=@{plain}"), "e=".to_owned()];
        let pairs = [("a", "json"), ("b", "toml"), ("c", "x=y"), ("d", "line\n"), ("e", "")];
        assert_eq!(read(&arguments).unwrap(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn wrong_forms_are_named_without_values() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("v.toml");
        std::fs::write(&table, "a = ['c4n4ry']").unwrap();
        let broken = folder.path().join("v.json");
        std::fs::write(&broken, "{ c4n4ry").unwrap();
        for (argument, expected) in [
            ("c4n4ry".to_owned(), "number 1 is not"),
            ("@values.yaml".to_owned(), "number 1 is not"),
            ("A=c4n4ry".to_owned(), "`A` is not the name"),
            ("a=@/nonexistent".to_owned(), "`/nonexistent` cannot be read"),
            (format!("@{}", table.display()), "not a table of strings at `a`"),
            (format!("@{}", broken.display()), "not a table of strings;"),
        ] {
            let error = read(&[argument]).unwrap_err();
            assert!(error.contains(expected) && !error.contains("c4n4ry"), "{error}");
        }
    }
}
