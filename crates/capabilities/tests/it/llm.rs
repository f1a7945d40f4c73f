//! Language models, met by a guest through the runtime configuration.

use std::path::Path;
use std::sync::Arc;

use coracle_capabilities::llm::Limits;
use coracle_engine::Metered;
use coracle_host::Runnable;
use coracle_testkit::built;
use coracle_testkit::fakes::{Asked, Fake, Reply};
use serde_json::{Value, json};

use crate::guest::Given;
use crate::logging::Lines;

/// A component that may use the model `m`, and a service that answers every prompt alike.
fn given(config: &str) -> Given {
    Given::default().grant("ai-models", json!(["m"])).grant("key-value", json!(["default"])).runtime_config(config, Path::new("/"))
}

fn service() -> Fake {
    Fake::start(|asked: &Asked| match asked.path.as_str() {
        "/v1/chat/completions" => {
            let choice = json!({ "message": { "content": "an answer" } });
            Reply::Json(200, json!({ "choices": [choice], "usage": { "prompt_tokens": 2, "completion_tokens": 3 } }).to_string())
        }
        _ => Reply::Json(200, json!({ "data": [{ "index": 0, "embedding": [0.5, -1.0] }], "usage": { "prompt_tokens": 1 } }).to_string()),
    })
    .unwrap()
}

fn configured(fake: &Fake) -> String {
    format!("[llm_compute]\ntype = \"open_ai\"\nurl = \"{}\"\nauth_token = \"c4n4ry\"", fake.url())
}

fn ready(given: Given) -> Runnable {
    given.run("teller", &built("teller-p2").unwrap())
}

/// What the guest is answered to `times` prompts for `model`.
async fn infer(runnable: &Runnable, model: &str, prompt: &str, times: usize) -> Vec<Result<String, String>> {
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await.unwrap();
        let infer = instance.get_typed_func::<(&str, &str, Option<f32>), (Result<String, String>,)>(&mut store, "infer").unwrap();
        let mut answers = Vec::new();
        for _ in 0..times {
            answers.push(infer.call_async(&mut store, (model, prompt, Some(0.5))).await.unwrap().0);
        }
        answers
    };
    Metered::new(calling, meter).await.unwrap()
}

async fn embed(runnable: &Runnable, texts: Vec<String>) -> Result<String, String> {
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await.unwrap();
        let embed = instance.get_typed_func::<(&str, Vec<String>), (Result<String, String>,)>(&mut store, "embed").unwrap();
        embed.call_async(&mut store, ("m", texts)).await.unwrap().0
    };
    Metered::new(calling, meter).await.unwrap()
}

#[track_caller]
fn is_refused(answer: &Result<String, String>, case: &str, words: &str) {
    assert!(answer.as_ref().is_err_and(|error| error.contains(case) && error.contains(words)), "{answer:?} is not {case} with {words}");
}

#[tokio::test]
async fn a_guest_uses_the_models_that_it_was_granted() {
    let fake = service();
    let runnable = ready(given(&configured(&fake)));
    assert_eq!(infer(&runnable, "m", "a prompt", 1).await, [Ok("an answer (2, 3)".to_owned())]);
    assert_eq!(embed(&runnable, vec!["text".to_owned()]).await, Ok("[[0.5, -1.0]] (1)".to_owned()));
    let asked: Value = serde_json::from_slice(&fake.asked()[0].body).unwrap();
    let message = json!([{ "role": "user", "content": "a prompt" }]);
    assert_eq!((&asked["messages"], &asked["max_completion_tokens"], &asked["temperature"]), (&message, &json!(7), &json!(0.5)));
    let described = runnable.granted().join("\n");
    assert!(described.contains("m → open_ai http://localhost") && !described.contains("c4n4ry"), "{described}");
}

#[tokio::test]
async fn a_model_that_was_not_granted_is_named_with_the_key_that_grants_it() {
    let fake = service();
    is_refused(
        &infer(&ready(given(&configured(&fake))), "other", "p", 1).await[0],
        "InvalidInput",
        "`other`; add it to the component's `ai_models`",
    );
    is_refused(&infer(&ready(Given::default()), "m", "p", 1).await[0], "InvalidInput", "`ai_models`");
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn without_a_service_the_app_starts_and_calls_say_what_is_missing() {
    let runnable = ready(given(""));
    assert!(runnable.granted().join("\n").contains("m → nothing; add `[llm_compute]`"));
    is_refused(&infer(&runnable, "m", "p", 1).await[0], "RuntimeError", "add `[llm_compute]`");
}

#[tokio::test]
async fn inputs_and_calls_are_bounded() {
    let fake = service();
    let runnable = ready(given(&configured(&fake)));
    let Limits { input_bytes_max, texts_max, calls_max, .. } = Limits::default();
    is_refused(&infer(&runnable, "m", &"x".repeat(input_bytes_max + 1), 1).await[0], "InvalidInput", "exceeds the limit of");
    is_refused(&embed(&runnable, vec![String::new(); texts_max + 1]).await, "InvalidInput", "texts exceed the limit");
    is_refused(&embed(&runnable, vec![String::new(); 2]).await, "RuntimeError", "the service's answer is not understood");
    let answers = infer(&runnable, "m", "p", usize::try_from(calls_max).unwrap() + 1).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), usize::try_from(calls_max).unwrap());
    is_refused(answers.last().unwrap(), "RuntimeError", "calls of language models in one invocation");
}

#[tokio::test]
async fn neither_prompt_nor_token_nor_answer_is_logged() {
    let fake = Fake::start(|_| Reply::Json(500, json!({ "error": "broken" }).to_string())).unwrap();
    let lines = Lines::default();
    let _listening = lines.listen("coracle=trace");
    let runnable = ready(given(&configured(&fake)));
    for _ in 0..2 {
        is_refused(&infer(&runnable, "m", "pr0mpt", 1).await[0], "RuntimeError", "the service failed");
        // Another test may have met the call first, at the moment when this one began to listen.
        tracing::callsite::rebuild_interest_cache();
    }
    let text = lines.text();
    assert!(text.contains("spin_llm.infer") && text.contains("it answered 500: broken"), "{text}");
    assert!(!text.contains("pr0mpt") && !text.contains("c4n4ry"), "{text}");
}
