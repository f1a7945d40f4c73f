//! `type = "remote_http"`: Spin's own protocol, two calls that answer JSON, or with `api_type = "open_ai"` that of OpenAI.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use coracle_engine::BindError;
use serde::Deserialize;
use serde_json::json;

use super::service::{Common, Json};
use super::{Embeddings, Error, Inference, Models, Params, open_ai};
use crate::backend::{Kind, Opened, Opening};
use crate::resolver::Secret;

/// This kind of service.
pub(super) const KIND: Kind<dyn Models> = Kind { types: &["remote_http"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    auth_token: Option<Secret>,
    auth_token_file: Option<PathBuf>,
    ca_roots_file: Option<PathBuf>,
    #[serde(default)]
    api_type: ApiType,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ApiType {
    #[default]
    Default,
    OpenAi,
}

struct Remote(Json);

#[derive(Deserialize)]
struct Inferred {
    text: String,
    usage: Usage,
}

#[derive(Deserialize)]
struct Embedded {
    embeddings: Vec<Vec<f32>>,
    usage: Usage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u32,
    #[serde(default)]
    generated_token_count: u32,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Models>, BindError> {
    let Table { url, auth_token, auth_token_file, ca_roots_file, api_type } = opening.config()?;
    let common = Common { url, auth_token, auth_token_file, ca_roots_file };
    match api_type {
        ApiType::OpenAi => open_ai::opened(opening, common),
        ApiType::Default => {
            let json = common.open(opening, "")?;
            let place = format!("remote_http {}", json.place());
            Ok(Opened { backend: Arc::new(Remote(json)), place })
        }
    }
}

/// Spin's documentation and its code give two names to the parameters and to the texts; services that follow either find theirs.
#[async_trait]
impl Models for Remote {
    async fn infer(&self, model: &str, prompt: String, params: Option<Params>) -> Result<Inference, Error> {
        let params = params.unwrap_or_default();
        let params = json!({
            "maxTokens": params.tokens_max,
            "repeatPenalty": params.repeat_penalty,
            "repeatPenaltyLastNTokenCount": params.repeat_penalty_last_n_token_count,
            "temperature": params.temperature,
            "topK": params.top_k,
            "topP": params.top_p,
        });
        let question = json!({ "model": model, "prompt": prompt, "params": params, "options": params });
        let Inferred { text, usage } = self.0.ask(&["infer"], &question).await?;
        Ok(Inference { text, prompt_tokens: usage.prompt_token_count, generated_tokens: usage.generated_token_count })
    }

    async fn embed(&self, model: &str, texts: Vec<String>) -> Result<Embeddings, Error> {
        let Embedded { embeddings, usage } = self.0.ask(&["embed"], &json!({ "model": model, "text": texts, "input": texts })).await?;
        Ok(Embeddings { vectors: embeddings, prompt_tokens: usage.prompt_token_count })
    }
}
