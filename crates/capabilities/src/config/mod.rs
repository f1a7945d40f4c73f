//! Configuration, as `wasi:config` has it: the component's variables under another interface. What a value is and where it comes
//! from stands in `resolver`.

mod host;

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{About, Capability, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface};
use wasmtime::component::Linker;

use crate::resolver::ComponentVariables;

/// `wasi:config` in every draft.
pub struct Config;

/// The variables of the component that an instance belongs to.
#[derive(Default)]
pub struct State {
    variables: Arc<ComponentVariables>,
}

struct Granted(Arc<ComponentVariables>);

impl Capability for Config {
    fn name(&self) -> &'static str {
        "config"
    }

    fn interfaces(&self) -> &'static [Interface] {
        const GRANTED_BY: Option<&str> = Some("variables");
        &[
            Interface {
                name: "wasi:config/store",
                versions: &["0.2.0-draft-2024-09-27", "0.2.0-rc.1", "0.2.0-draft"],
                granted_by: GRANTED_BY,
            },
            Interface { name: "wasi:config/runtime", versions: &["0.2.0-draft"], granted_by: GRANTED_BY },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, _generation: Generation) -> wasmtime::Result<()> {
        host::link(linker)
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        let granted = ComponentVariables::granted(request)?;
        Ok(granted.map(|variables| Box::new(Granted(variables)) as Box<dyn Grant>))
    }

    fn about(&self) -> About {
        About {
            summary: "The component's variables, read through wasi:config.",
            example: r#"[variables]
greeting = { default = "hello" }

[component.web.variables]
greeting = "{{ greeting }}, world"
"#,
            denied: "every name has no value, and the list of all is empty",
            backends: &["env", "static", "files", "vault"],
        }
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { variables: Arc::clone(&self.0) })
    }
}
