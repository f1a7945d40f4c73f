//! The drafts of `wasi:config`, each a thin translation of two lookups.

use coracle_engine::InstanceState;
use wasmtime::component::{HasData, Linker};

use super::State;
use crate::resolver::LookupError;

mod draft {
    wasmtime::component::bindgen!({ path: "src/config/wit/draft", imports: { default: async }, require_store_data_send: true });
    pub(super) use wasi::config::{runtime, store};
}

mod draft_2024_09_27 {
    wasmtime::component::bindgen!({ path: "src/config/wit/draft-2024-09-27", imports: { default: async }, require_store_data_send: true });
    pub(super) use wasi::config::store;
}

mod rc1 {
    wasmtime::component::bindgen!({ path: "src/config/wit/rc1", imports: { default: async }, require_store_data_send: true });
    pub(super) use wasi::config::store;
}

impl HasData for State {
    type Data<'a> = &'a mut State;
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    draft::store::add_to_linker::<_, State>(linker, InstanceState::state)?;
    draft::runtime::add_to_linker::<_, State>(linker, InstanceState::state)?;
    draft_2024_09_27::store::add_to_linker::<_, State>(linker, InstanceState::state)?;
    rc1::store::add_to_linker::<_, State>(linker, InstanceState::state)
}

impl State {
    /// A name that is unknown, or could not be one, has no value; that is no error here.
    #[tracing::instrument(name = "wasi_config.get", skip_all, fields(otel.kind = "client"))]
    async fn find(&self, key: &str) -> Result<Option<String>, String> {
        match self.variables.get(key).await {
            Ok(value) => Ok(Some(value)),
            Err(LookupError::InvalidName { .. } | LookupError::Undefined { .. }) => Ok(None),
            Err(LookupError::Unresolved(error)) => Err(error.to_string()),
        }
    }

    #[tracing::instrument(name = "wasi_config.get_all", skip_all, fields(otel.kind = "client"))]
    async fn find_all(&self) -> Result<Vec<(String, String)>, String> {
        self.variables.all().await.map_err(|error| error.to_string())
    }
}

/// Gives a draft the two lookups; the drafts differ in nothing but the names of their packages, interfaces and errors.
macro_rules! answer {
    ($($host:path, $error:path;)+) => {$(
        impl $host for State {
            async fn get(&mut self, key: String) -> Result<Option<String>, $error> {
                self.find(&key).await.map_err(<$error>::Upstream)
            }

            async fn get_all(&mut self) -> Result<Vec<(String, String)>, $error> {
                self.find_all().await.map_err(<$error>::Upstream)
            }
        }
    )+};
}

answer! {
    draft::store::Host, draft::store::Error;
    draft::runtime::Host, draft::runtime::ConfigError;
    draft_2024_09_27::store::Host, draft_2024_09_27::store::Error;
    rc1::store::Host, rc1::store::Error;
}
