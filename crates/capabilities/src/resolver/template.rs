//! Templates: text in which `{{ name }}` stands for the value of a variable. There are no filters and no escapes.

use super::name;

/// A template whose braces match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Variable(String),
}

/// Why text is not a template. The text itself is not repeated: an operator may have put a password there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("a `{{{{` is never closed; close it with `}}}}`")]
    Unclosed,
    /// `}}` without `{{`.
    #[error("a `}}}}` closes nothing; open it with `{{{{`")]
    Unopened,
    /// What stands between the braces is not the name of a variable.
    #[error("`{name}` is not the name of a variable: {rule}; write `{{{{ name }}}}`")]
    Name {
        /// What stands between the braces.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When the braces do not match or hold something else than a name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            literal(&mut parts, before)?;
            let (inside, after) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            if inside.contains("{{") {
                return Err(TemplateError::Unclosed);
            }
            let inside = inside.trim();
            name::check(inside).map_err(|rule| TemplateError::Name { name: name::shown(inside), rule })?;
            parts.push(Part::Variable(inside.to_owned()));
            rest = after;
        }
        literal(&mut parts, rest)?;
        Ok(Self { parts })
    }

    /// The names of the variables, in order and as often as they occur.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

fn literal(parts: &mut Vec<Part>, text: &str) -> Result<(), TemplateError> {
    if text.contains("}}") {
        return Err(TemplateError::Unopened);
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
    Ok(())
}
