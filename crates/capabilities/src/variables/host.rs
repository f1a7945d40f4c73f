//! The versions of Spin's variables, each a thin translation of one lookup.

use coracle_engine::{Generation, InstanceState};
use wasmtime::component::{Accessor, HasData, Linker};

use super::State;
use crate::resolver::LookupError;

mod v1 {
    wasmtime::component::bindgen!({ path: "src/variables/wit/v1", imports: { default: async }, require_store_data_send: true });
    pub(super) use fermyon::spin::config::*;
}

mod v2 {
    wasmtime::component::bindgen!({ path: "src/variables/wit/v2", imports: { default: async }, require_store_data_send: true });
    pub(super) use fermyon::spin::variables::*;
}

mod v3 {
    wasmtime::component::bindgen!({ path: "src/variables/wit/v3" });
    pub(super) use spin::variables::variables::*;
}

impl HasData for State {
    type Data<'a> = &'a mut State;
}

pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    v1::add_to_linker::<_, State>(linker, InstanceState::state)?;
    v2::add_to_linker::<_, State>(linker, InstanceState::state)?;
    match generation {
        Generation::P2 => Ok(()),
        Generation::P3 => v3::add_to_linker::<_, State>(linker, InstanceState::state),
    }
}

impl v1::Host for State {
    #[tracing::instrument(name = "spin_config.get", skip_all, fields(otel.kind = "client"))]
    async fn get_config(&mut self, key: String) -> Result<String, v1::Error> {
        self.variables.get(&key).await.map_err(|error| match &error {
            LookupError::InvalidName { .. } => v1::Error::InvalidKey(error.to_string()),
            // This version has no word for a name that is not defined; guests expect `provider`.
            LookupError::Undefined { .. } | LookupError::Unresolved(_) => v1::Error::Provider(error.to_string()),
        })
    }
}

impl v2::Host for State {
    #[tracing::instrument(name = "spin_variables.get", skip_all, fields(otel.kind = "client"))]
    async fn get(&mut self, name: String) -> Result<String, v2::Error> {
        self.variables.get(&name).await.map_err(|error| match &error {
            LookupError::InvalidName { .. } => v2::Error::InvalidName(error.to_string()),
            LookupError::Undefined { .. } => v2::Error::Undefined(error.to_string()),
            LookupError::Unresolved(_) => v2::Error::Provider(error.to_string()),
        })
    }
}

impl v3::Host for State {}

impl<T: Send> v3::HostWithStore<T> for State {
    #[tracing::instrument(name = "spin_variables.get", skip_all, fields(otel.kind = "client"))]
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, v3::Error> {
        let variables = accessor.with(|mut access| std::sync::Arc::clone(&access.get().variables));
        variables.get(&name).await.map_err(|error| match &error {
            LookupError::InvalidName { .. } => v3::Error::InvalidName(error.to_string()),
            LookupError::Undefined { .. } => v3::Error::Undefined(error.to_string()),
            LookupError::Unresolved(_) => v3::Error::Provider(error.to_string()),
        })
    }
}
