//! Language models. A guest names a model that its manifest grants it; which service answers is the operator's choice, and no backend
//! knows which version of the interface asked.

mod config;
mod grant;
mod handle;
mod host;
mod limits;
mod open_ai;
mod remote;
mod service;

#[cfg(test)]
mod conformance;

pub use grant::State;
pub use limits::Limits;

use async_trait::async_trait;
use coracle_engine::{
    About, Bind, BindError, Bound, Capability, ConfigTable, Generation, Grant, GrantError, GrantRequest, InstanceState, Interface,
};
use wasmtime::component::Linker;

/// The key of the models in a component's grants.
const GRANT: &str = "ai-models";

/// Language models.
pub struct Llm;

/// A service that runs models.
#[async_trait]
pub trait Models: Send + Sync {
    /// Goes on from `prompt`.
    async fn infer(&self, model: &str, prompt: String, params: Option<Params>) -> Result<Inference, Error>;

    /// The meaning of each of `texts` as a vector, in their order.
    async fn embed(&self, model: &str, texts: Vec<String>) -> Result<Embeddings, Error>;
}

/// How a text is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// The longest answer, in tokens.
    pub tokens_max: u32,
    /// How much repetition is avoided.
    pub repeat_penalty: f32,
    /// Over how many tokens.
    pub repeat_penalty_last_n_token_count: u32,
    /// How much chance there is in the choice of a token.
    pub temperature: f32,
    /// Among how many tokens the next one is chosen.
    pub top_k: u32,
    /// Among tokens of which probability together.
    pub top_p: f32,
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inference {
    /// The text.
    pub text: String,
    /// The length of the prompt, in tokens.
    pub prompt_tokens: u32,
    /// The length of the text, in tokens.
    pub generated_tokens: u32,
}

/// What texts mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One vector for each text.
    pub vectors: Vec<Vec<f32>>,
    /// The length of the texts, in tokens.
    pub prompt_tokens: u32,
}

/// Why a model does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The manifest does not grant it.
    #[error("the component may not use the model `{model}`; add it to the component's `ai_models` in the manifest")]
    Denied {
        /// The model.
        model: String,
    },
    /// The service does not have it.
    #[error("the service does not have the model")]
    NoSuchModel,
    /// A prompt or text is too long.
    #[error("input of {bytes} bytes exceeds the limit of {bytes_max} bytes")]
    InputTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// There are too many texts.
    #[error("{texts} texts exceed the limit of {texts_max}; ask in several calls")]
    TooManyTexts {
        /// How many there are.
        texts: usize,
        /// The bound.
        texts_max: usize,
    },
    /// The service does not take the input.
    #[error("the service does not accept the input")]
    Refused {
        /// What an operator may see.
        internal: String,
    },
    /// The instance called more often than it may.
    #[error("more than {calls_max} calls of language models in one invocation; do the rest in another")]
    TooManyCalls {
        /// The bound.
        calls_max: u32,
    },
    /// Too many calls run already.
    #[error("too many calls of language models run at the same time; try again later")]
    Busy,
    /// The operator bound no service.
    #[error("no service for language models is configured; add `[llm_compute]` to the runtime configuration")]
    Unbound,
    /// The service failed.
    #[error("{public}")]
    Service {
        /// What a guest may see.
        public: &'static str,
        /// What an operator may see.
        internal: String,
    },
}

impl Default for Params {
    /// Those of Spin.
    fn default() -> Self {
        Self { tokens_max: 100, repeat_penalty: 1.1, repeat_penalty_last_n_token_count: 64, temperature: 0.8, top_k: 40, top_p: 0.9 }
    }
}

impl Capability for Llm {
    fn name(&self) -> &'static str {
        "llm"
    }

    fn interfaces(&self) -> &'static [Interface] {
        &[
            Interface { name: "fermyon:spin/llm", versions: &[], granted_by: Some(GRANT) },
            Interface { name: "fermyon:spin/llm", versions: &["2.0.0"], granted_by: Some(GRANT) },
        ]
    }

    fn link(&self, linker: &mut Linker<InstanceState>, _generation: Generation) -> wasmtime::Result<()> {
        host::link(linker)
    }

    fn bind(&self, bind: &mut Bind<'_>) -> Result<(), BindError> {
        config::bind(bind)
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
            summary: "Language models: texts that go on from a prompt, and embeddings, by the name of the model.",
            example: "[component.assistant]\nai_models = [\"llama2-chat\"]",
            denied: "each call answers `invalid-input`, naming the model",
            backends: &["open_ai", "remote_http"],
        }
    }

    fn tables(&self) -> &'static [ConfigTable] {
        config::TABLES
    }

    fn bounds(&self) -> Vec<Bound> {
        Limits::default().bounds()
    }
}
