//! What the command line gives to an app's capabilities: values of variables before the start, and the first content of stores and
//! databases after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_app::App;
use coracle_capabilities::resolver::{self, AppVariables, Declared, Secret};
use coracle_capabilities::{key_value, sqlite};
use coracle_engine::Site;
use coracle_host::Workload;

use super::GrantArguments;
use crate::environment::Environment;

/// The store that `--key-value` fills.
const DEFAULT_STORE: &str = "default";

/// Leaves in `site` what the resolver of variables works with.
pub(super) fn share(site: &mut Site, app: &App, overrides: &BTreeMap<String, Secret>, environment: &Environment) {
    let declared = app.variables.iter().map(|(name, variable)| {
        let default = variable.default.clone().map(Into::into);
        (name.clone(), Declared { default, required: variable.required, secret: variable.secret })
    });
    site.share(Arc::new(AppVariables { declared: declared.collect(), overrides: overrides.clone() }));
    let variables = environment.variables().iter().map(|(name, value)| (name.clone(), value.clone()));
    site.share(Arc::new(resolver::Environment::new(variables).with_dotenv(environment.folder().join(".env"))));
}

/// Leaves in `site` the variables of `app` as if each had a value, for a check that starts nothing.
pub(crate) fn share_variables(site: &mut Site, app: &App) {
    let declared = app.variables.iter().map(|(name, variable)| {
        let default = variable.default.clone().unwrap_or_default();
        (name.clone(), Declared { default: Some(default.into()), required: false, secret: variable.secret })
    });
    site.share(Arc::new(AppVariables { declared: declared.collect(), ..AppVariables::default() }));
}

/// Fills the stores and databases of `workload`.
pub(super) async fn apply(workload: &Workload, arguments: &GrantArguments) -> anyhow::Result<()> {
    if !arguments.key_value.is_empty() {
        key_value::preset(workload.site(), DEFAULT_STORE, arguments.key_value.clone()).await?;
    }
    for argument in &arguments.sqlite {
        sqlite::preset(workload.site(), sqlite::Preset::parse(argument)).await?;
    }
    Ok(())
}
