//! `wasmcloud:secrets@2.1.0`, whose functions are async. Its interface `secret` is meant to be imported once for each secret, under the
//! secret's name as its label; imported under its own name it means the only secret that the component was granted.

use coracle_engine::{InstanceState, Label, View};
use wasmtime::component::{Accessor, Linker, LinkerInstance, Resource};

use self::bindings::wasmcloud::secrets::{reveal, secret, store};
use super::{Access, Held, errors, hold, release, view};
use crate::secrets::{Error, State};

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/secrets/wit/wasmcloud-secrets@2.1.0",
        world: "host",
        imports: { default: trappable },
        with: { "wasmcloud:secrets/store.secret": crate::secrets::host::Held },
        require_store_data_send: true,
    });
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, Access>(linker, view)?;
    reveal::add_to_linker::<_, Access>(linker, view)?;
    secret::add_to_linker::<_, Access>(linker, view)
}

/// Adds the one secret that `label` names.
pub(super) fn link_labelled(linker: &mut LinkerInstance<'_, InstanceState>, label: Label) -> wasmtime::Result<()> {
    secret::add_to_linker_instance::<_, Access>(linker, label.view())
}

errors!(store::SecretsError);

async fn get<T: Send>(guest: &Accessor<T, Access>, key: &str) -> Result<Resource<Held>, Error> {
    let granted = guest.with(|mut access| access.get().state.begin())?;
    let found = granted.get(key).await;
    guest.with(|mut access| hold(&mut access.get(), found))
}

impl<T: Send> store::HostWithStore<T> for Access {
    async fn get(guest: &Accessor<T, Self>, key: String) -> wasmtime::Result<Result<Resource<Held>, store::SecretsError>> {
        Ok(get(guest, &key).await.map_err(Into::into))
    }
}

impl store::HostSecret for View<'_, State> {
    fn drop(&mut self, secret: Resource<Held>) -> wasmtime::Result<()> {
        release(self, secret)
    }
}

impl store::Host for View<'_, State> {}

impl<T: Send> reveal::HostWithStore<T> for Access {
    async fn reveal(guest: &Accessor<T, Self>, secret: Resource<Held>) -> wasmtime::Result<store::SecretValue> {
        guest.with(|mut access| super::reveal(&access.get(), &secret).map(store::SecretValue::String))
    }
}

impl reveal::Host for View<'_, State> {}

impl<T: Send> secret::HostWithStore<T> for Access {
    /// There is no error to answer with, so that a guest without its secret ends here.
    async fn get(guest: &Accessor<T, Self>) -> wasmtime::Result<Resource<Held>> {
        let key = guest.with(|mut access| {
            let view = access.get();
            view.label.map(str::to_owned).or_else(|| view.state.only())
        });
        let Some(key) = key else {
            wasmtime::bail!(
                "`wasmcloud:secrets/secret` means the only secret of a component; grant it one, or let it import each under its name"
            );
        };
        get(guest, &key).await.map_err(|error| wasmtime::format_err!("the secret `{key}` cannot be had: {error}"))
    }
}

impl secret::Host for View<'_, State> {}
