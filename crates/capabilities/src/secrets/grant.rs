//! Which secrets a component was granted, and what one instance holds of them.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity};
use serde_json::Value;

use super::{Error, GETS_MAX, GRANT, HELD_MAX, VALUE_BYTES_MAX};
use crate::operations::Operations;
use crate::resolver::{ResolveError, Resolver, Secret};

/// The secrets of one instance. By default it has none.
#[derive(Default)]
pub struct State {
    granted: Arc<Granted>,
    held: usize,
    gets: u32,
}

/// The names under which a component asks, and the variable behind each.
#[derive(Default)]
pub(super) struct Granted {
    resolver: Arc<Resolver>,
    variables: BTreeMap<String, String>,
    operations: Operations,
}

struct Secrets(Arc<Granted>);

impl State {
    /// Counts a secret that is asked for.
    pub(super) fn begin(&mut self) -> Result<Arc<Granted>, Error> {
        if self.gets >= GETS_MAX {
            return Err(Error::TooManyGets);
        }
        self.gets += 1;
        Ok(Arc::clone(&self.granted))
    }

    /// Makes room for one secret.
    pub(super) fn hold(&mut self) -> Result<(), Error> {
        if self.held >= HELD_MAX {
            return Err(Error::TooManyHeld);
        }
        self.held += 1;
        Ok(())
    }

    /// Gives the room of one secret back.
    pub(super) fn release(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// Gives the next invocation its own calls. Secrets that are held stay so, with the guest that holds them.
    pub(super) fn renew(&mut self) {
        self.gets = 0;
    }

    /// The secret that an import without a name means: the only one there is.
    pub(super) fn only(&self) -> Option<String> {
        let mut names = self.granted.variables.keys();
        names.next().filter(|_| names.next().is_none()).cloned()
    }
}

impl Granted {
    /// The value of the secret `key`.
    #[tracing::instrument(name = "wasmcloud_secrets.get", skip_all, fields(otel.kind = "client"))]
    pub(super) async fn get(&self, key: &str) -> Result<Secret, Error> {
        let variable = self.variables.get(key).ok_or(Error::NotFound)?;
        let value = self.operations.measure("get", self.resolver.resolve(variable)).await.map_err(|error| match error {
            ResolveError::Provider { .. } | ResolveError::TooLong => Error::Provider,
            ResolveError::Undeclared { .. } | ResolveError::Unresolved { .. } => Error::NotFound,
        })?;
        if value.expose().len() > VALUE_BYTES_MAX { Err(Error::TooLong) } else { Ok(value) }
    }
}

impl Grant for Secrets {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { granted: Arc::clone(&self.0), ..State::default() })
    }

    fn describe(&self) -> Vec<String> {
        vec![self.0.variables.keys().map(String::as_str).collect::<Vec<_>>().join(", ")]
    }
}

/// Reads what a component's manifest asks for: names of secret variables, or other names for them.
pub(super) fn grant(request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
    let variables: BTreeMap<String, String> = match request.get(GRANT) {
        None => return Ok(None),
        Some(Value::Array(_)) => request.strings(GRANT)?.into_iter().map(|name| (name.clone(), name)).collect(),
        Some(Value::Object(_)) => request.table(GRANT)?,
        Some(_) => {
            let component = request.component.to_owned();
            return Err(GrantError::Shape { component, key: GRANT, expected: "a list of variables, or a table of names and variables" });
        }
    };
    let resolver = request.site.shared::<Resolver>().unwrap_or_default();
    let refused = |message, remedy| GrantError::Refused { component: request.component.to_owned(), message, remedy };
    for variable in variables.values() {
        let declaration = format!("`{variable} = {{ required = true, secret = true }}`");
        match resolver.declared(variable) {
            None => {
                let message = format!("the secret `{variable}` is no variable of the application");
                return Err(refused(message, format!("add {declaration} to `[variables]` of the manifest")));
            }
            Some(declared) if !declared.secret => {
                let message = format!("the variable `{variable}` is granted as a secret, and is not declared as one");
                return Err(refused(message, format!("declare it as {declaration}")));
            }
            Some(_) => {}
        }
    }
    let operations = Operations::new(GRANT, &["get"], request.component);
    Ok(Some(Box::new(Secrets(Arc::new(Granted { resolver, variables, operations })))))
}
