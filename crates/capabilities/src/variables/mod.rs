//! Variables, as Spin's guests ask for them: values that the manifest grants a component by name and that operators give. What a
//! value is and where it comes from stands in `resolver`.

mod host;

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{
    About, Bind, BindError, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface,
};
use wasmtime::component::Linker;

use crate::resolver::{ComponentVariables, Resolver};

/// Variables in every version of Spin's interfaces.
pub struct Variables;

/// The variables of the component that an instance belongs to.
#[derive(Default)]
pub struct State {
    variables: Arc<ComponentVariables>,
}

struct Granted(Arc<ComponentVariables>);

impl Capability for Variables {
    fn name(&self) -> &'static str {
        "variables"
    }

    fn interfaces(&self) -> &'static [Interface] {
        const GRANTED_BY: Option<&str> = Some("variables");
        &[
            Interface { name: "fermyon:spin/config", versions: &[], granted_by: GRANTED_BY },
            Interface { name: "fermyon:spin/variables", versions: &["2.0.0"], granted_by: GRANTED_BY },
            Interface { name: "spin:variables/variables", versions: &["3.0.0"], granted_by: GRANTED_BY },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        let resolver = Resolver::bind(bind)?;
        bind.site.share(Arc::new(resolver));
        Ok(())
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        let granted = ComponentVariables::granted(request)?;
        Ok(granted.map(|variables| Box::new(Granted(variables)) as Box<dyn Grant>))
    }

    fn tables(&self) -> &'static [ConfigTable] {
        &[ConfigTable {
            header: "[[variables_provider]]",
            about: "Who may give values, asked in the order of the tables; after them the process environment, then the manifest's default.",
            example: "[[variables_provider]]\ntype = \"env\"\nprefix = \"SHOP\"\ndotenv_path = \"shop.env\"\n\n\
                      [[variables_provider]]\ntype = \"static\"\nvalues = { greeting = \"hello\" }\n\n\
                      [[variables_provider]]\ntype = \"files\"\npath = \"/etc/secrets\"\n\n\
                      [[variables_provider]]\ntype = \"vault\"\nurl = \"https://vault.internal:8200\"\ntoken_file = \"vault-token\"\n\
                      mount = \"secret\"\nprefix = \"shop\"\n",
        }]
    }

    fn about(&self) -> About {
        About {
            summary: "Values that operators give to an application, each granted to a component by name.",
            example: r#"[variables]
greeting = { default = "hello" }
api_token = { required = true, secret = true }

[component.web.variables]
greeting = "{{ greeting }}, world"
token = "{{ api_token }}"
"#,
            denied: "every name is `undefined`",
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

    fn describe(&self) -> Vec<String> {
        vec![self.0.describe()]
    }
}
