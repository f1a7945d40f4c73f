//! Both versions of Spin's interface for language models, which differ in nothing but their names.

use coracle_engine::InstanceState;
use wasmtime::component::{HasData, Linker};

use super::{Error, Params, State};

mod v1 {
    wasmtime::component::bindgen!({ path: "src/llm/wit/v1", imports: { default: async }, require_store_data_send: true });
    pub(super) use fermyon::spin::llm::*;
}

mod v2 {
    wasmtime::component::bindgen!({ path: "src/llm/wit/v2", imports: { default: async }, require_store_data_send: true });
    pub(super) use fermyon::spin::llm::*;
}

impl HasData for State {
    type Data<'a> = &'a mut State;
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    v1::add_to_linker::<_, State>(linker, InstanceState::state)?;
    v2::add_to_linker::<_, State>(linker, InstanceState::state)
}

/// Gives a version the two calls.
macro_rules! answer {
    ($($version:ident),+) => {$(
        impl $version::Host for State {
            async fn infer(
                &mut self,
                model: String,
                prompt: String,
                params: Option<$version::InferencingParams>,
            ) -> Result<$version::InferencingResult, $version::Error> {
                let handle = self.handle().ok_or_else(|| Error::Denied { model: model.clone() })?;
                let written = handle.infer(&model, prompt, params.map(Into::into)).await?;
                let usage = $version::InferencingUsage {
                    prompt_token_count: written.prompt_tokens,
                    generated_token_count: written.generated_tokens,
                };
                Ok($version::InferencingResult { text: written.text, usage })
            }

            async fn generate_embeddings(
                &mut self,
                model: String,
                text: Vec<String>,
            ) -> Result<$version::EmbeddingsResult, $version::Error> {
                let handle = self.handle().ok_or_else(|| Error::Denied { model: model.clone() })?;
                let found = handle.embed(&model, text).await?;
                let usage = $version::EmbeddingsUsage { prompt_token_count: found.prompt_tokens };
                Ok($version::EmbeddingsResult { embeddings: found.vectors, usage })
            }
        }

        impl From<$version::InferencingParams> for Params {
            fn from(params: $version::InferencingParams) -> Self {
                Self {
                    max_tokens: params.max_tokens,
                    repeat_penalty: params.repeat_penalty,
                    repeat_penalty_last_n_token_count: params.repeat_penalty_last_n_token_count,
                    temperature: params.temperature,
                    top_k: params.top_k,
                    top_p: params.top_p,
                }
            }
        }

        impl From<Error> for $version::Error {
            fn from(error: Error) -> Self {
                match error {
                    Error::NoSuchModel => Self::ModelNotSupported,
                    Error::Denied { .. } | Error::InputTooLarge { .. } | Error::TooManyTexts { .. } | Error::Refused { .. } => {
                        Self::InvalidInput(error.to_string())
                    }
                    Error::TooManyCalls { .. } | Error::Busy | Error::Unbound | Error::Service { .. } => {
                        Self::RuntimeError(error.to_string())
                    }
                }
            }
        }
    )+};
}

answer!(v1, v2);
