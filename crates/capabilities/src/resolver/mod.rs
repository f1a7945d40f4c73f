//! The application's variables: what the manifest declares, who may give values, and the templates that use them. Values never
//! appear in logs, errors or `Debug`; every message names the variable alone.

mod component;
mod environment;
mod files;
mod known;
mod name;
mod overrides;
mod providers;
mod secret;
mod template;

pub use component::{ComponentVariables, LookupError};
pub use environment::Environment;
pub(crate) use files::read_secret;
pub use overrides::{OverrideError, overrides};
pub use secret::Secret;
pub use template::{Template, TemplateError};

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Bind, BindError, Site};
use futures::future::join_all;

use known::Known;
use providers::Listed;

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
    providers: Vec<Listed>,
    known: Known,
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
    /// A provider failed, so that nobody knows whether it has a value.
    #[error("variable `{name}` cannot be looked up now; the operator's log says why")]
    Provider {
        /// The name of the variable.
        name: String,
        /// What went wrong, for operators alone.
        cause: String,
    },
    /// The values make the text too long.
    #[error("a template grew beyond {EXPANDED_BYTES_MAX} bytes; use shorter values")]
    TooLong,
}

impl Resolver {
    /// Joins what the manifest declares with the providers of the runtime configuration.
    ///
    /// # Errors
    /// When a provider's table is wrong.
    pub fn bind(bind: &mut Bind<'_>) -> Result<Self, BindError> {
        let variables = bind.site.shared::<AppVariables>().map(|shared| (*shared).clone()).unwrap_or_default();
        let resolver = Self { variables, providers: providers::read(bind)?, known: Known::default() };
        resolver.warn_of_unknown_overrides();
        Ok(resolver)
    }

    /// Asks for every variable once, before the app starts: one that is required must have a value, and what a provider on another
    /// machine says is known from then on to those who cannot wait for it.
    ///
    /// # Errors
    /// [`BindError`] names the variables without a value.
    pub async fn settle(site: &Site) -> Result<(), BindError> {
        let Some(resolver) = site.shared::<Self>() else { return Ok(()) };
        let names = resolver.variables.declared.keys();
        let asked = join_all(names.map(async |name| (name.as_str(), resolver.resolve(name).await))).await;
        let needs = |name: &str| resolver.variables.declared.get(name).is_some_and(|declared| declared.required);
        let failed = asked.iter().find_map(|(name, found)| match found {
            Err(ResolveError::Provider { cause, .. }) if needs(name) => Some((name, cause)),
            _ => None,
        });
        if let Some((name, cause)) = failed {
            return Err(BindError::Refused {
                message: format!("required variable `{name}` cannot be looked up: {cause}"),
                remedy: format!("see that its provider answers, or pass `--variable {name}=…`"),
            });
        }
        let missing = asked.iter().filter(|(_, found)| matches!(found, Err(ResolveError::Unresolved { .. })));
        let names: Vec<&str> = missing.map(|(name, _)| *name).collect();
        let Some(first) = names.first() else { return Ok(()) };
        Err(BindError::Refused {
            message: format!("no provider resolved required variable(s): [{}]", names.join(", ")),
            remedy: format!(
                "set {} in the environment, pass `--variable {first}=…`, or add a `[[variables_provider]]`",
                environment::variable(first)
            ),
        })
    }

    /// The value of the application's variable `name`, asked for anew each time.
    ///
    /// # Errors
    /// [`ResolveError`] when there is none.
    pub async fn resolve(&self, name: &str) -> Result<Secret, ResolveError> {
        let found = self.look_up(name).await;
        if !self.is_local() {
            self.known.learn(name, &found);
        }
        found
    }

    async fn look_up(&self, name: &str) -> Result<Secret, ResolveError> {
        let declared = self.variables.declared.get(name).ok_or_else(|| ResolveError::Undeclared { name: name.to_owned() })?;
        if let Some(value) = self.variables.overrides.get(name) {
            return Ok(value.clone());
        }
        for provider in &self.providers {
            let given = provider.get(name).await;
            let given = given.map_err(|error| ResolveError::Provider { name: name.to_owned(), cause: error.to_string() })?;
            if let Some(value) = given {
                return Ok(value);
            }
        }
        declared.default.clone().ok_or_else(|| ResolveError::Unresolved { name: name.to_owned() })
    }

    /// The text of `template` with its variables put in.
    ///
    /// # Errors
    /// The first variable that has no value.
    pub async fn resolve_template(&self, template: &Template) -> Result<String, ResolveError> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                template::Part::Literal(literal) => push(&mut text, literal)?,
                template::Part::Variable(name) => push(&mut text, self.resolve(name).await?.expose())?,
            }
        }
        Ok(text)
    }

    /// The text of `template` for a decision that cannot wait. Where every provider is on this machine it is what they say now; else it
    /// is what was answered last, and is asked for anew meanwhile.
    ///
    /// # Errors
    /// The first variable that has no value.
    pub fn known_template(self: &Arc<Self>, template: &Template) -> Result<String, ResolveError> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                template::Part::Literal(literal) => push(&mut text, literal)?,
                template::Part::Variable(name) => push(&mut text, known::value(self, name)?.expose())?,
            }
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

    /// What the application declares about the variable `name`.
    #[must_use]
    pub fn declared(&self, name: &str) -> Option<&Declared> {
        self.variables.declared.get(name)
    }

    /// Whether the text of `template` holds a secret, so that it must not be shown.
    #[must_use]
    pub fn is_secret(&self, template: &Template) -> bool {
        template.variables().any(|name| self.declared(name).is_some_and(|declared| declared.secret))
    }

    /// The providers that the operator configured, in the order in which they are asked, by their places.
    fn configured(&self) -> impl Iterator<Item = &str> {
        // The last one is the environment, which is always there.
        let configured = self.providers.len().saturating_sub(1);
        self.providers.iter().take(configured).map(Listed::place)
    }

    /// Whether every provider answers at once.
    fn is_local(&self) -> bool {
        self.providers.iter().all(Listed::is_local)
    }

    fn warn_of_unknown_overrides(&self) {
        for name in self.variables.overrides.keys().filter(|name| !self.variables.declared.contains_key(*name)) {
            tracing::warn!(variable = %name, "`--variable` names a variable that the application does not declare; it has no effect");
        }
    }
}

fn push(text: &mut String, piece: &str) -> Result<(), ResolveError> {
    if text.len().saturating_add(piece.len()) > EXPANDED_BYTES_MAX {
        return Err(ResolveError::TooLong);
    }
    text.push_str(piece);
    Ok(())
}

#[cfg(test)]
mod tests;
