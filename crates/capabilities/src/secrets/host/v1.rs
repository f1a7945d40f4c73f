//! `wasmcloud:secrets@0.1.0-draft`.

use coracle_engine::{InstanceState, View};
use wasmtime::component::{Linker, Resource};

use self::bindings::wasmcloud::secrets::{reveal, store};
use super::{Access, Held, errors, hold, release, view};
use crate::secrets::State;

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/secrets/wit/wasmcloud-secrets@0.1.0-draft",
        world: "host",
        imports: { default: async | trappable },
        with: { "wasmcloud:secrets/store.secret": crate::secrets::host::Held },
        require_store_data_send: true,
    });
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, Access>(linker, view)?;
    reveal::add_to_linker::<_, Access>(linker, view)
}

errors!(store::SecretsError);

impl store::Host for View<'_, State> {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Resource<Held>, store::SecretsError>> {
        let granted = match self.state.begin() {
            Ok(granted) => granted,
            Err(error) => return Ok(Err(error.into())),
        };
        let found = granted.get(&key).await;
        Ok(hold(self, found).map_err(Into::into))
    }
}

impl store::HostSecret for View<'_, State> {
    async fn drop(&mut self, secret: Resource<Held>) -> wasmtime::Result<()> {
        release(self, secret)
    }
}

impl reveal::Host for View<'_, State> {
    async fn reveal(&mut self, secret: Resource<Held>) -> wasmtime::Result<store::SecretValue> {
        super::reveal(self, &secret).map(store::SecretValue::String)
    }
}
