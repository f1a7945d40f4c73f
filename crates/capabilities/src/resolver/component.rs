//! The variables of one component: templates over the application's variables. A component sees its own and no others.

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{GrantError, GrantRequest};
use futures::future::try_join_all;

use super::{ResolveError, Resolver, Template, name};
use crate::operations::Operations;

/// The key of a component's variables in its grants.
const KEY: &str = "variables";

/// What a component may ask for. The default has no variables.
#[derive(Debug, Default)]
pub struct ComponentVariables {
    resolver: Arc<Resolver>,
    templates: BTreeMap<String, Template>,
    operations: Operations,
}

/// Why a guest does not get the value that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No variable can have such a name.
    #[error("`{name}` is not the name of a variable: {rule}")]
    InvalidName {
        /// What the guest asked for.
        name: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The component was granted no variable of this name.
    #[error("the component has no variable `{name}`; add it to the component's `variables` in the manifest")]
    Undefined {
        /// What the guest asked for.
        name: String,
    },
    /// The component has the variable, and its template has no value.
    #[error(transparent)]
    Unresolved(#[from] ResolveError),
}

impl ComponentVariables {
    /// Reads the grant of a component; `None` when it was granted no variables.
    ///
    /// # Errors
    /// When a name or a template is wrong, or uses what the application does not declare.
    pub fn granted(request: &GrantRequest<'_>) -> Result<Option<Arc<Self>>, GrantError> {
        let table = request.table(KEY)?;
        if table.is_empty() {
            return Ok(None);
        }
        let resolver = request.site.shared::<Resolver>().unwrap_or_default();
        let mut templates = BTreeMap::new();
        for (variable, text) in table {
            let template = read(&resolver, &variable, &text).map_err(|(message, remedy)| GrantError::Refused {
                component: request.component.to_owned(),
                message,
                remedy,
            })?;
            templates.insert(variable, template);
        }
        let operations = Operations::new(KEY, &["get", "get_all"], request.component);
        Ok(Some(Arc::new(Self { resolver, templates, operations })))
    }

    /// The value of the component's variable `name`.
    ///
    /// # Errors
    /// [`LookupError`] says why there is none.
    pub async fn get(&self, name: &str) -> Result<String, LookupError> {
        name::check(name).map_err(|rule| LookupError::InvalidName { name: name::shown(name), rule })?;
        let template = self.templates.get(name).ok_or_else(|| LookupError::Undefined { name: name::shown(name) })?;
        Ok(self.operations.measure("get", self.resolver.resolve_template(template)).await?)
    }

    /// Every variable of the component with its value, by name.
    ///
    /// # Errors
    /// The first variable that has no value.
    pub async fn all(&self) -> Result<Vec<(String, String)>, ResolveError> {
        let pairs = self.templates.iter().map(async |(name, template)| Ok((name.clone(), self.resolver.resolve_template(template).await?)));
        self.operations.measure("get_all", try_join_all(pairs)).await
    }

    /// What a start-up table says: the names of the component's variables, and which providers the operator configured.
    #[must_use]
    pub fn describe(&self) -> String {
        let names = self.templates.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let places = self.resolver.configured().collect::<Vec<_>>().join(", ");
        if places.is_empty() { names } else { format!("{names} → {places}") }
    }
}

/// Reads one entry of a grant; the error is a message and a remedy.
fn read(resolver: &Resolver, variable: &str, text: &str) -> Result<Template, (String, String)> {
    name::check(variable)
        .map_err(|rule| (format!("`{}` is not the name of a variable: {rule}", name::shown(variable)), "rename it".to_owned()))?;
    let wrong = |error: String| (format!("the template of variable `{variable}` is wrong: {error}"), "mend it in the manifest".to_owned());
    let template = Template::parse(text).map_err(|error| wrong(error.to_string()))?;
    resolver.check(&template).map_err(|error| match error {
        ResolveError::Undeclared { name } => (
            format!("variable `{variable}` uses `{name}`, which the application does not declare"),
            format!("add `{name}` to `[variables]` of the manifest"),
        ),
        other => wrong(other.to_string()),
    })?;
    Ok(template)
}
