//! The models as one instance sees them: the same for every version of the interface, with the bounds checked and failures told to the
//! operator. Neither prompts nor answers are told to anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coracle_base::metrics::{self, Description, Unit};
use tokio::sync::SemaphorePermit;
use tracing::instrument;

use super::config::Bound;
use super::{Embeddings, Error, Inference, Models, Params};
use crate::operations::Operations;

/// The operations, as spans and metrics name them.
pub(super) const OPERATIONS: &[&str] = &["infer", "generate_embeddings"];

/// What an instance may ask. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
pub(super) struct Handle {
    models: Arc<BTreeSet<String>>,
    bound: Arc<Bound>,
    calls: Arc<AtomicU32>,
    operations: Arc<Operations>,
}

impl Handle {
    pub(super) fn new(models: Arc<BTreeSet<String>>, bound: Arc<Bound>, operations: Arc<Operations>) -> Self {
        Self { models, bound, calls: Arc::default(), operations }
    }

    /// Counts the calls of another invocation.
    pub(super) fn renew(&self) {
        self.calls.store(0, Relaxed);
    }

    #[instrument(name = "spin_llm.infer", skip_all, fields(otel.kind = "client", gen_ai.request.model = model))]
    pub(super) async fn infer(&self, model: &str, prompt: String, params: Option<Params>) -> Result<Inference, Error> {
        self.check(model, prompt.len())?;
        count(model);
        let (models, _turn) = self.turn().await?;
        told(model, self.operations.measure("infer", models.infer(model, prompt, params)).await)
    }

    #[instrument(name = "spin_llm.generate_embeddings", skip_all, fields(otel.kind = "client", gen_ai.request.model = model))]
    pub(super) async fn embed(&self, model: &str, texts: Vec<String>) -> Result<Embeddings, Error> {
        self.check(model, texts.iter().map(String::len).sum())?;
        let (count, texts_max) = (texts.len(), self.bound.limits.texts_max);
        if count > texts_max {
            return Err(Error::TooManyTexts { texts: count, texts_max });
        }
        let (models, _turn) = self.turn().await?;
        let embeddings = told(model, self.operations.measure("generate_embeddings", models.embed(model, texts)).await)?;
        if embeddings.vectors.len() == count {
            return Ok(embeddings);
        }
        let internal = format!("it answered {} vectors for {count} texts", embeddings.vectors.len());
        told(model, Err(Error::Service { public: "the service's answer is not understood", internal }))
    }

    fn check(&self, model: &str, bytes: usize) -> Result<(), Error> {
        if !self.models.contains(model) {
            return Err(Error::Denied { model: model.to_owned() });
        }
        let bytes_max = self.bound.limits.input_bytes_max;
        if bytes > bytes_max {
            return Err(Error::InputTooLarge { bytes, bytes_max });
        }
        let calls_max = self.bound.limits.calls_max;
        if self.calls.fetch_add(1, Relaxed) >= calls_max {
            self.calls.store(calls_max, Relaxed);
            return Err(Error::TooManyCalls { calls_max });
        }
        Ok(())
    }

    /// Waits for the right to ask the service.
    async fn turn(&self) -> Result<(&dyn Models, SemaphorePermit<'_>), Error> {
        let models = self.bound.models.as_deref().ok_or(Error::Unbound)?;
        let turn = tokio::time::timeout(self.bound.limits.wait_max, self.bound.turns.acquire()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Error::Busy)?;
        Ok((models, turn))
    }
}

/// Tells the operator why a service failed.
fn told<T>(model: &str, answer: Result<T, Error>) -> Result<T, Error> {
    if let Err(Error::Service { internal, .. } | Error::Refused { internal }) = &answer {
        tracing::warn!(model, "the service for language models failed: {internal}");
    }
    answer
}

/// Counts an inference under Spin's name for it. Models come from the manifest, so that there are few.
fn count(model: &str) {
    let inferences =
        Description { name: "spin.llm_infer", help: "Inferences that were asked for.", unit: Unit::One, labels: &["model_name"] };
    metrics::global().counter(inferences).with(&[model]).increment();
}
