//! Secrets, as wasmCloud's guests ask for them: by name, and revealed only when the guest says so. A secret is a variable of the
//! application that the manifest declares with `secret = true`; its value comes from the same providers.

mod grant;
mod host;

pub use grant::State;

use coracle_engine::{
    About, Bound, Capability, Generation, Grant, GrantError, GrantRequest, Import, InstanceState, Interface, Label, Labelled,
};
use wasmtime::component::{Linker, LinkerInstance};

/// The key of this capability in a component's grants.
const GRANT: &str = "secrets";

/// The interface of one secret.
const SECRET: &str = "wasmcloud:secrets/secret";

/// Secrets that one instance holds at the same time.
const HELD_MAX: usize = 256;
/// The longest secret.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Secrets that are asked for in one invocation.
const GETS_MAX: u32 = 1_000;

/// wasmCloud's secrets in both versions.
pub struct Secrets;

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The component was not granted a secret of this name, or nobody has a value for it.
    #[error("there is no such secret")]
    NotFound,
    /// A provider failed.
    #[error("the secret cannot be looked up now")]
    Provider,
    /// It is longer than a secret may be.
    #[error("the secret is longer than {VALUE_BYTES_MAX} bytes")]
    TooLong,
    /// The instance holds as many as it may.
    #[error("more than {HELD_MAX} secrets are held; drop some")]
    TooManyHeld,
    /// The instance asked more often than it may.
    #[error("more than {GETS_MAX} secrets are asked for in one invocation; keep those that are used again")]
    TooManyGets,
}

impl Capability for Secrets {
    fn name(&self) -> &'static str {
        GRANT
    }

    fn interfaces(&self) -> &'static [Interface] {
        const VERSIONS: &[&str] = &["0.1.0-draft", "2.1.0"];
        const {
            &[
                Interface { name: "wasmcloud:secrets/store", versions: VERSIONS, granted_by: Some(GRANT) },
                Interface { name: "wasmcloud:secrets/reveal", versions: VERSIONS, granted_by: Some(GRANT) },
                Interface { name: SECRET, versions: &["2.1.0"], granted_by: Some(GRANT) },
            ]
        }
    }

    fn link(&self, linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        host::link(linker, generation)
    }

    fn labelled(&self) -> &'static [Labelled] {
        const { &[Labelled { name: SECRET, is_required: true }] }
    }

    fn link_labelled(&self, linker: &mut LinkerInstance<'_, InstanceState>, _import: &Import, label: Label) -> wasmtime::Result<()> {
        host::link_labelled(linker, label)
    }

    fn grant(&self, request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        grant::grant(request)
    }

    fn renew(&self, instance: &mut InstanceState) {
        if let Some(state) = instance.opened::<State>() {
            state.renew();
        }
    }

    fn about(&self) -> About {
        About {
            summary: "Secrets that a component asks for by name; each is a variable of the application that is declared secret. The label of \
                      an import of `wasmcloud:secrets/secret` is the name of one, without which the component does not load.",
            example: r#"[variables]
api_token = { required = true, secret = true }

[component.web.capabilities]
secrets = ["api_token"]          # or by other names: secrets = { "api-token" = "api_token" }
"#,
            denied: "`get` answers `not-found`",
            backends: &["env", "static", "files", "vault"],
        }
    }

    fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::bytes("a secret", VALUE_BYTES_MAX as u64),
            Bound::count("secrets that an instance holds", HELD_MAX as u64),
            Bound::count("secrets asked for in one invocation", GETS_MAX.into()),
        ]
    }
}
