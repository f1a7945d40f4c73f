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
                    tokens_max: params.max_tokens,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::super::config::Bound;
    use super::super::handle::Handle;
    use super::super::{Embeddings, Inference, Limits, Models};
    use super::*;

    /// A service that says what it was asked.
    struct Echo;

    #[async_trait]
    impl Models for Echo {
        async fn infer(&self, model: &str, prompt: String, params: Option<Params>) -> Result<Inference, Error> {
            match model {
                "gone" => Err(Error::NoSuchModel),
                _ => Ok(Inference { text: format!("{prompt} {:?}", params.map(|it| it.top_k)), prompt_tokens: 1, generated_tokens: 2 }),
            }
        }

        async fn embed(&self, _model: &str, texts: Vec<String>) -> Result<Embeddings, Error> {
            Ok(Embeddings { vectors: vec![vec![0.5]; texts.len()], prompt_tokens: 3 })
        }
    }

    fn state(limits: Limits) -> State {
        let models = ["m", "gone"].map(str::to_owned).into();
        let bound = Bound::new(Some(Arc::new(Echo)), "echo".to_owned(), limits);
        State::of(Handle::new(Arc::new(models), Arc::new(bound), Arc::default()))
    }

    macro_rules! both_calls {
        ($version:ident) => {{
            let mut state = state(Limits::default());
            let params = $version::InferencingParams {
                max_tokens: 1,
                repeat_penalty: 1.0,
                repeat_penalty_last_n_token_count: 1,
                temperature: 1.0,
                top_k: 9,
                top_p: 1.0,
            };
            let (m, prompt) = (|| "m".to_owned(), || "p".to_owned());
            let written = $version::Host::infer(&mut state, m(), prompt(), Some(params)).await.unwrap();
            assert_eq!((written.text.as_str(), written.usage.generated_token_count), ("p Some(9)", 2));
            assert_eq!($version::Host::infer(&mut state, m(), prompt(), None).await.unwrap().text, "p None");
            let found = $version::Host::generate_embeddings(&mut state, m(), vec![prompt(), prompt()]).await.unwrap();
            assert_eq!((found.embeddings, found.usage.prompt_token_count), (vec![vec![0.5], vec![0.5]], 3));
            let gone = $version::Host::infer(&mut state, "gone".to_owned(), prompt(), None).await;
            assert!(matches!(gone, Err($version::Error::ModelNotSupported)));
            let denied = $version::Host::generate_embeddings(&mut State::default(), m(), vec![]).await;
            assert!(matches!(denied, Err($version::Error::InvalidInput(text)) if text.contains("`ai_models`")));
        }};
    }

    #[tokio::test]
    async fn both_versions_answer_alike() {
        both_calls!(v1);
        both_calls!(v2);
    }

    #[tokio::test]
    async fn a_service_without_a_free_place_is_waited_for_so_long() {
        let limits = Limits { concurrent_max: 0, wait_max: std::time::Duration::from_millis(1), ..Limits::default() };
        let busy = v2::Host::infer(&mut state(limits), "m".to_owned(), String::new(), None).await;
        assert!(matches!(busy, Err(v2::Error::RuntimeError(text)) if text.contains("at the same time")));
    }
}
