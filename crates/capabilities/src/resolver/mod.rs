//! The application's variables: what the manifest declares, who may give values, and the templates that use them. Values never
//! appear in logs, errors or `Debug`; every message names the variable alone.

mod component;
mod environment;
mod files;
mod name;
mod overrides;
mod providers;
mod secret;
mod template;

pub use component::{ComponentVariables, LookupError};
pub use environment::Environment;
pub use overrides::{OverrideError, overrides};
pub use secret::Secret;
pub use template::{Template, TemplateError};

use std::collections::BTreeMap;

use coracle_engine::{Bind, BindError};

use providers::Provider;

/// A template that grows beyond this when its variables are put in is refused.
pub const EXPANDED_BYTES_MAX: usize = 1024 * 1024;

/// The variables of one application, before anybody asked for a value. The host leaves it in the site.
#[derive(Debug, Default, Clone)]
pub struct AppVariables {
    /// What the manifest declares, by name.
    pub declared: BTreeMap<String, Declared>,
    /// What the command line says (`--variable`, read by [`overrides`]), which nothing overrules.
    pub overrides: BTreeMap<String, Secret>,
}

/// One variable that a manifest declares.
#[derive(Debug, Default, Clone)]
pub struct Declared {
    /// The value when no provider has one.
    pub default: Option<Secret>,
    /// Whether the application must not start without a value.
    pub required: bool,
    /// Whether the value is a secret. All values are kept out of sight; this says it to whoever describes the application.
    pub secret: bool,
}

/// Finds the values of an application's variables. The order is: command line, providers as listed, environment, default.
#[derive(Debug, Default)]
pub struct Resolver {
    variables: AppVariables,
    providers: Vec<Provider>,
}

/// Why a variable has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The application has no such variable.
    #[error("variable `{name}` is not declared; add it to `[variables]` of the manifest")]
    Undeclared {
        /// The name of the variable.
        name: String,
    },
    /// No provider has a value, and there is no default.
    #[error("no provider resolved required variable `{name}`; set {name_upper} or pass `--variable {name}=…`", name_upper = environment::variable(name))]
    Unresolved {
        /// The name of the variable.
        name: String,
    },
    /// The values make the text too long.
    #[error("a template grew beyond {EXPANDED_BYTES_MAX} bytes; use shorter values")]
    TooLong,
}

impl Resolver {
    /// Joins what the manifest declares with the providers of the runtime configuration, and sees that no required variable is
    /// without a value.
    ///
    /// # Errors
    /// When a provider's table is wrong, or a required variable has no value anywhere.
    pub fn bind(bind: &mut Bind<'_>) -> Result<Self, BindError> {
        let variables = bind.site.shared::<AppVariables>().map(|shared| (*shared).clone()).unwrap_or_default();
        let environment = bind.site.shared::<Environment>().unwrap_or_default();
        let providers = providers::read(bind.config, &environment)?;
        let resolver = Self { variables, providers };
        resolver.check_required()?;
        resolver.warn_of_unknown_overrides();
        Ok(resolver)
    }

    /// The value of the application's variable `name`, asked for anew each time.
    ///
    /// # Errors
    /// [`ResolveError`] when there is none.
    pub fn resolve(&self, name: &str) -> Result<&str, ResolveError> {
        let declared = self.variables.declared.get(name).ok_or_else(|| ResolveError::Undeclared { name: name.to_owned() })?;
        let given = || self.providers.iter().find_map(|provider| provider.get(name));
        let value = self.variables.overrides.get(name).or_else(given).or(declared.default.as_ref());
        value.map(Secret::expose).ok_or_else(|| ResolveError::Unresolved { name: name.to_owned() })
    }

    /// The text of `template` with its variables put in.
    ///
    /// # Errors
    /// The first variable that has no value.
    pub fn resolve_template(&self, template: &Template) -> Result<String, ResolveError> {
        let mut text = String::new();
        for part in template.parts() {
            let piece = match part {
                template::Part::Literal(literal) => literal.as_str(),
                template::Part::Variable(name) => self.resolve(name)?,
            };
            if text.len().saturating_add(piece.len()) > EXPANDED_BYTES_MAX {
                return Err(ResolveError::TooLong);
            }
            text.push_str(piece);
        }
        Ok(text)
    }

    /// Sees that the application declares every variable of `template`.
    ///
    /// # Errors
    /// [`ResolveError::Undeclared`] for the first that it does not.
    pub fn check(&self, template: &Template) -> Result<(), ResolveError> {
        match template.variables().find(|name| !self.variables.declared.contains_key(*name)) {
            Some(name) => Err(ResolveError::Undeclared { name: name.to_owned() }),
            None => Ok(()),
        }
    }

    /// Whether the text of `template` holds a secret, so that it must not be shown.
    #[must_use]
    pub fn is_secret(&self, template: &Template) -> bool {
        template.variables().any(|name| self.variables.declared.get(name).is_some_and(|declared| declared.secret))
    }

    fn check_required(&self) -> Result<(), BindError> {
        let names = self.variables.declared.keys().filter(|name| self.resolve(name).is_err());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let Some(first) = names.first() else { return Ok(()) };
        Err(BindError::Refused {
            message: format!("no provider resolved required variable(s): [{}]", names.join(", ")),
            remedy: format!(
                "set {} in the environment, pass `--variable {first}=…`, or add a `[[variables_provider]]`",
                environment::variable(first)
            ),
        })
    }

    fn warn_of_unknown_overrides(&self) {
        for name in self.variables.overrides.keys().filter(|name| !self.variables.declared.contains_key(*name)) {
            tracing::warn!(variable = %name, "`--variable` names a variable that the application does not declare; it has no effect");
        }
    }
}

#[cfg(test)]
mod tests;
