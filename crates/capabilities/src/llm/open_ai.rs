//! `type = "open_ai"`: any service that speaks OpenAI's API, as most servers of models do. Spin spells it `type = "remote_http"` with
//! `api_type = "open_ai"`.

use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::BindError;
use serde::Deserialize;
use serde_json::json;

use super::service::{Common, Json};
use super::{Embeddings, Error, Inference, Models, Params};
use crate::backend::{Kind, Opened, Opening};

/// This kind of service.
pub(super) const KIND: Kind<dyn Models> = Kind { types: &["open_ai"], open };

/// What addresses of such services often end with.
const VERSION: &str = "/v1";

struct OpenAi(Json);

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
}

#[derive(Deserialize)]
struct Embedded {
    data: Vec<Vector>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    index: usize,
    embedding: Vec<f32>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Models>, BindError> {
    opened(opening, opening.config()?)
}

/// Makes the backend of a table that was read already.
pub(super) fn opened(opening: &Opening<'_>, common: Common) -> Result<Opened<dyn Models>, BindError> {
    let json = common.open(opening, VERSION)?;
    let place = format!("open_ai {}", json.place());
    Ok(Opened { backend: Arc::new(OpenAi(json)), place })
}

#[async_trait]
impl Models for OpenAi {
    /// Of the parameters, those that OpenAI knows under the same meaning; a service that gets others may refuse the call. Spin sends the
    /// penalty as `frequency_penalty`, which has another scale, and leaves out what the guest says of chance.
    async fn infer(&self, model: &str, prompt: String, params: Option<Params>) -> Result<Inference, Error> {
        let limit = params.unwrap_or_default().tokens_max;
        let messages = json!([{ "role": "user", "content": prompt }]);
        let mut question = json!({ "model": model, "messages": messages, "max_completion_tokens": limit });
        if let (Some(params), Some(question)) = (params, question.as_object_mut()) {
            question.insert("temperature".to_owned(), json!(params.temperature));
            question.insert("top_p".to_owned(), json!(params.top_p));
        }
        let answer: Completion = self.0.ask(&["v1", "chat", "completions"], &question).await?;
        let text = answer.choices.into_iter().next().and_then(|choice| choice.message.content);
        let missing = || Error::Service { public: "the service's answer is not understood", internal: "it has no text".to_owned() };
        let Usage { prompt_tokens, completion_tokens } = answer.usage;
        Ok(Inference { text: text.ok_or_else(missing)?, prompt_tokens, generated_tokens: completion_tokens })
    }

    async fn embed(&self, model: &str, texts: Vec<String>) -> Result<Embeddings, Error> {
        let mut answer: Embedded = self.0.ask(&["v1", "embeddings"], &json!({ "model": model, "input": texts })).await?;
        answer.data.sort_by_key(|vector| vector.index);
        let vectors = answer.data.into_iter().map(|vector| vector.embedding).collect();
        Ok(Embeddings { vectors, prompt_tokens: answer.usage.prompt_tokens })
    }
}
