//! Templates: text in which `{{ name }}` stands for the value of a variable. There are no filters and no escapes.

/// A template whose braces are known to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// Why a template was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("unmatched `{{{{` in template `{template}`; close it with `}}}}`")]
    Unclosed {
        /// The whole template.
        template: String,
    },
    /// `}}` without `{{`.
    #[error("unmatched `}}}}` in template `{template}`; open it with `{{{{`")]
    Unopened {
        /// The whole template.
        template: String,
    },
    /// What stands between the braces is not the name of a variable.
    #[error("`{name}` in template `{template}` is not the name of a variable; use lower-case letters, digits and single underscores")]
    Name {
        /// The whole template.
        template: String,
        /// What stands between the braces.
        name: String,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When the braces do not match or hold something else than a name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = || text.to_owned();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            push_literal(&mut parts, literal, text)?;
            let Some((name, after)) = after.split_once("}}") else {
                return Err(TemplateError::Unclosed { template: template() });
            };
            if name.contains("{{") {
                return Err(TemplateError::Unclosed { template: template() });
            }
            let name = name.trim();
            if !is_variable_name(name) {
                return Err(TemplateError::Name { template: template(), name: name.to_owned() });
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        push_literal(&mut parts, rest, text)?;
        Ok(Self { parts })
    }

    /// The names of the variables, in order and as often as they occur.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Whether the text has no variables, so that it renders to itself.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// Puts values in place of the names; `Err` is the first name that has no value.
    ///
    /// # Errors
    /// When `value` answers `None`.
    pub fn render<V: AsRef<str>>(&self, mut value: impl FnMut(&str) -> Option<V>) -> Result<String, &str> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(value(name).ok_or(name.as_str())?.as_ref()),
            }
        }
        Ok(text)
    }
}

/// Whether `name` can name a variable: lower-case words of letters and digits, joined by single underscores.
fn is_variable_name(name: &str) -> bool {
    crate::model::NameStyle::LowerSnake.check(name).is_ok()
}

fn push_literal(parts: &mut Vec<Part>, literal: &str, text: &str) -> Result<(), TemplateError> {
    if literal.contains("}}") {
        return Err(TemplateError::Unopened { template: text.to_owned() });
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_values_and_keeps_all_other_text() {
        let template = Template::parse("a {{ x }}{{y}} } { {{  x}}!").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["x", "y", "x"]);
        assert_eq!(template.render(|name| Some(name.to_uppercase())).unwrap(), "a XY } { X!");
        assert_eq!(template.render(|name| (name == "x").then_some("1")), Err("y"));
        assert!(!template.is_literal());
    }

    #[test]
    fn text_without_variables_is_itself() {
        for text in ["", "plain", "{ }", "é{"] {
            let template = Template::parse(text).unwrap();
            assert!(template.is_literal());
            assert_eq!(template.render(|_| None::<&str>).unwrap(), text);
        }
    }

    #[test]
    fn values_are_not_templates_themselves() {
        let template = Template::parse("{{ a }}").unwrap();
        assert_eq!(template.render(|_| Some("{{ b }}")).unwrap(), "{{ b }}");
    }

    #[test]
    fn refuses_braces_that_do_not_match() {
        for text in ["{{", "{{ a", "{{ a }", "{{ a {{ b }}", "x {{{{ a }}"] {
            assert!(matches!(Template::parse(text), Err(TemplateError::Unclosed { .. })), "{text}");
        }
        for text in ["}}", "a }} {{ b }}", "{{ a }} }}"] {
            assert!(matches!(Template::parse(text), Err(TemplateError::Unopened { .. })), "{text}");
        }
        for text in ["{{}}", "{{ A }}", "{{ a-b }}", "{{ a__b }}", "{{ a_ }}", "{{ _a }}", "{{ 1a }}", "{{ a b }}", "{{{ a }}}"] {
            assert!(matches!(Template::parse(text), Err(TemplateError::Name { .. })), "{text}");
        }
    }
}
