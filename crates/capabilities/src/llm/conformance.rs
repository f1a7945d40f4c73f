//! One suite for every kind of service, against a stand-in that speaks its protocol.

use std::path::Path;
use std::sync::Arc;

use coracle_engine::{BindError, Site};
use coracle_testkit::fakes::{Asked, Fake, Reply};
use serde_json::{Value, json};

use super::config::{KINDS, TABLE};
use super::*;
use crate::backend::{self, Opened, Opening};

/// A kind, and what a service of it answers to a prompt and to texts.
struct Subject {
    table: &'static str,
    paths: [&'static str; 2],
    infer: fn(&Value) -> Value,
    embed: fn(&Value) -> Value,
}

const OPEN_AI: Subject = Subject {
    table: "type = 'open_ai'",
    paths: ["/v1/chat/completions", "/v1/embeddings"],
    infer: |asked| {
        let prompt = &asked["messages"][0]["content"];
        json!({
            "id": "x", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": format!("after {}", prompt.as_str().unwrap()) } }],
            "usage": { "prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8 },
        })
    },
    embed: |asked| {
        let texts = asked["input"].as_array().unwrap();
        // The order of the answer is not that of the texts, which services may choose.
        let vectors: Vec<_> = texts.iter().enumerate().map(|(index, text)| {
            json!({ "object": "embedding", "index": index, "embedding": [index as f32, text.as_str().unwrap().len() as f32] })
        }).rev().collect();
        json!({ "object": "list", "data": vectors, "model": asked["model"], "usage": { "prompt_tokens": 4, "total_tokens": 4 } })
    },
};

const OPEN_AI_BY_SPIN: Subject = Subject { table: "type = 'remote_http'\napi_type = 'open_ai'", ..OPEN_AI };

const REMOTE: Subject = Subject {
    table: "type = 'remote_http'",
    paths: ["/infer", "/embed"],
    infer: |asked| json!({ "text": format!("after {}", asked["prompt"].as_str().unwrap()), "usage": { "promptTokenCount": 3, "generatedTokenCount": 5 } }),
    embed: |asked| {
        let texts = asked["text"].as_array().unwrap();
        let vectors: Vec<_> =
            texts.iter().enumerate().map(|(index, text)| json!([index as f32, text.as_str().unwrap().len() as f32])).collect();
        json!({ "embeddings": vectors, "usage": { "promptTokenCount": 4 } })
    },
};

const SUBJECTS: [Subject; 3] = [OPEN_AI, OPEN_AI_BY_SPIN, REMOTE];

fn opened(table: &str) -> Result<Opened<dyn Models>, BindError> {
    let mut table: toml::Table = table.parse().unwrap();
    let kind = backend::find(KINDS, &["spin"], TABLE, &table)?;
    table.remove("type");
    (kind.open)(&Opening::new("", &Site::default(), TABLE.to_owned(), table, Path::new("/")))
}

/// A service that answers as `subject` says.
fn serving(subject: &Subject) -> Fake {
    let (paths, infer, embed) = (subject.paths, subject.infer, subject.embed);
    Fake::start(move |asked: &Asked| {
        let question: Value = serde_json::from_slice(&asked.body).unwrap();
        match asked.path.as_str() {
            path if path == paths[0] => Reply::Json(200, infer(&question).to_string()),
            path if path == paths[1] => Reply::Json(200, embed(&question).to_string()),
            _ => Reply::Json(404, "{}".to_owned()),
        }
    })
    .unwrap()
}

fn models(subject: &Subject, fake: &Fake) -> Arc<dyn Models> {
    opened(&format!("{}\nurl = '{}'\nauth_token = 't0k3n'", subject.table, fake.url())).unwrap().backend
}

#[tokio::test]
async fn every_service_answers_prompts_and_texts() {
    for subject in SUBJECTS {
        let fake = serving(&subject);
        let models = models(&subject, &fake);
        let inference = models.infer("m", "once".to_owned(), None).await.unwrap();
        assert_eq!(inference, Inference { text: "after once".to_owned(), prompt_tokens: 3, generated_tokens: 5 });
        let found = models.embed("m", vec!["a".to_owned(), "bcd".to_owned()]).await.unwrap();
        assert_eq!(found, Embeddings { vectors: vec![vec![0.0, 1.0], vec![1.0, 3.0]], prompt_tokens: 4 });
        for asked in fake.asked() {
            assert_eq!(asked.headers["authorization"], "Bearer t0k3n");
            assert_eq!(asked.headers["content-type"], "application/json");
            let question: Value = serde_json::from_slice(&asked.body).unwrap();
            assert_eq!(question["model"], "m");
        }
    }
}

#[tokio::test]
async fn each_status_has_its_meaning_and_the_services_words_stay_here() {
    let complaint = json!({ "error": { "message": "key c4n4ry is over its quota", "type": "x" } }).to_string();
    for subject in SUBJECTS {
        for (status, body) in [
            (404, "{}"),
            (400, complaint.as_str()),
            (422, "<html>"),
            (401, &complaint),
            (429, &complaint),
            (500, ""),
            (200, "{}"),
            (200, "no"),
        ] {
            let reply = Reply::Json(status, body.to_owned());
            let fake = Fake::start(move |_| reply.clone()).unwrap();
            let error = models(&subject, &fake).infer("m", "p".to_owned(), None).await.unwrap_err();
            let is_right = match status {
                404 => error == Error::NoSuchModel,
                400 | 422 => matches!(error, Error::Refused { .. }),
                _ => matches!(error, Error::Service { .. }),
            };
            assert!(is_right, "{status}: {error:?}");
            assert!(!error.to_string().contains("c4n4ry"), "{error}");
        }
        let fake = Fake::start(|_| Reply::Silence).unwrap();
        let url = fake.url();
        drop(fake);
        let away = opened(&format!("{}\nurl = '{url}'", subject.table)).unwrap().backend;
        let error = away.infer("m", "p".to_owned(), None).await.unwrap_err();
        assert!(matches!(error, Error::Service { public: "the service did not answer", .. }), "{error:?}");
    }
}

#[tokio::test]
async fn parameters_arrive_as_each_protocol_has_them() {
    let params = Params { tokens_max: 7, temperature: 0.5, top_p: 0.25, ..Params::default() };
    let asked = async |subject: Subject, params: Option<Params>| -> Value {
        let fake = serving(&subject);
        models(&subject, &fake).infer("m", "p".to_owned(), params).await.unwrap();
        serde_json::from_slice(&fake.asked()[0].body).unwrap()
    };
    let remote = asked(REMOTE, Some(params)).await;
    assert_eq!(remote["params"], remote["options"], "both names that Spin gives them");
    assert_eq!((&remote["params"]["maxTokens"], &remote["params"]["topK"]), (&json!(7), &json!(40)));
    assert_eq!(asked(REMOTE, None).await["params"]["maxTokens"], 100);
    let open_ai = asked(OPEN_AI, Some(params)).await;
    assert_eq!((&open_ai["max_completion_tokens"], &open_ai["temperature"], &open_ai["top_p"]), (&json!(7), &json!(0.5), &json!(0.25)));
    let usual = asked(OPEN_AI, None).await;
    assert_eq!(usual["max_completion_tokens"], 100);
    assert!(usual.get("temperature").is_none() && usual.get("frequency_penalty").is_none(), "{usual}");
}

#[tokio::test]
async fn an_address_may_have_a_path_and_the_version_of_the_api() {
    for (path, expected) in
        [("", "/v1/embeddings"), ("/", "/v1/embeddings"), ("/v1", "/v1/embeddings"), ("/base/v1/", "/base/v1/embeddings")]
    {
        let fake = Fake::start(|_| Reply::Json(404, "{}".to_owned())).unwrap();
        let models = opened(&format!("type = 'open_ai'\nurl = '{}{path}'", fake.url())).unwrap().backend;
        assert_eq!(models.embed("m", vec![]).await.unwrap_err(), Error::NoSuchModel);
        assert_eq!(fake.asked()[0].path, expected);
        assert!(!fake.asked()[0].headers.contains_key("authorization"));
    }
}

#[test]
fn wrong_tables_are_refused_without_showing_the_token() {
    for (table, expected) in [
        ("type = 'spin'", "`[llm_compute]` has the type `spin`, which this version does not have; use one of `open_ai`, `remote_http`"),
        ("type = 'ollama'", "which is not known"),
        ("url = 'http://m'", "has no `type`"),
        ("type = 'open_ai'", "missing field `url`"),
        ("type = 'open_ai'\nurl = 'http://m'\nmodel = 'x'", "unknown field `model`"),
        ("type = 'open_ai'\nurl = 'http://m'\napi_type = 'open_ai'", "unknown field `api_type`"),
        ("type = 'remote_http'\nurl = 'http://m'\napi_type = 'anthropic'", "unknown variant `anthropic`"),
        ("type = 'remote_http'\nurl = 'http://m'\nauth_token = ['c4n4ry']", "it must be a string, and is of type array"),
        (
            "type = 'remote_http'\nurl = 'http://m'\nauth_token = 'c4n4ry'\nauth_token_file = 'f'",
            "it has both `auth_token` and `auth_token_file`",
        ),
        ("type = 'remote_http'\nurl = 'm:80'", "`url` is not an address of HTTP"),
    ] {
        let error = match opened(table) {
            Ok(_) => panic!("{table} is accepted"),
            Err(error) => coracle_base::chain(&error).to_string(),
        };
        assert!(error.contains(expected) && !error.contains("c4n4ry"), "{table}: {error}");
    }
}
