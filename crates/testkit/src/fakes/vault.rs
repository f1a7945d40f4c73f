//! HashiCorp Vault, as far as the key-value engine of version 2 goes: reading a secret with a token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Asked, Fake, Reply};
use crate::certificates::Certificate;

/// A Vault with one engine at `secret`.
pub struct Vault {
    fake: Fake,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    token: String,
    /// The fields of each secret by its path below the mount.
    secrets: BTreeMap<String, Value>,
    is_sealed: bool,
    is_silent: bool,
}

/// Where the engine is mounted.
const MOUNT: &str = "secret";

impl Vault {
    /// A Vault that wants to see `token`; by TLS if there is a certificate.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(token: &str, certificate: Option<&Certificate>) -> Result<Self> {
        let state = Arc::new(Mutex::new(State { token: token.to_owned(), ..State::default() }));
        let answers = Arc::clone(&state);
        let answer = move |asked: &Asked| answers.lock().unwrap_or_else(PoisonError::into_inner).answer(asked);
        let fake = match certificate {
            None => Fake::start(answer)?,
            Some(certificate) => Fake::start_tls(certificate, answer)?,
        };
        Ok(Self { fake, state })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.fake.url()
    }

    /// The paths that were asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.fake.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// Makes `value` the field `value` of the secret at `path`.
    pub fn set(&self, path: &str, value: &str) {
        self.set_fields(path, json!({ "value": value }));
    }

    /// Makes `fields` the secret at `path`; null is one whose last version was deleted.
    pub fn set_fields(&self, path: &str, fields: Value) {
        self.change(|state| drop(state.secrets.insert(path.to_owned(), fields)));
    }

    /// From now on, the token that counts.
    pub fn set_token(&self, token: &str) {
        self.change(|state| token.clone_into(&mut state.token));
    }

    /// Seals it, or unseals it.
    pub fn seal(&self, is_sealed: bool) {
        self.change(|state| state.is_sealed = is_sealed);
    }

    /// Lets it not answer any more, or answer again.
    pub fn silence(&self, is_silent: bool) {
        self.change(|state| state.is_silent = is_silent);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    fn answer(&self, asked: &Asked) -> Reply {
        let errors = |status, errors: &[&str]| Reply::Json(status, json!({ "errors": errors }).to_string());
        if self.is_silent {
            return Reply::Silence;
        }
        if self.is_sealed {
            return errors(503, &["Vault is sealed"]);
        }
        if asked.headers.get("x-vault-token").is_none_or(|token| token.as_bytes() != self.token.as_bytes()) {
            return errors(403, &["permission denied"]);
        }
        let path = asked.path.strip_prefix(&format!("/v1/{MOUNT}/data/"));
        let metadata = json!({ "created_time": "2026-01-01T00:00:00Z", "custom_metadata": null, "destroyed": false, "version": 1 });
        let whole =
            |data: &Value| json!({ "request_id": "1", "lease_id": "", "renewable": false, "data": { "data": data, "metadata": metadata } });
        match path.and_then(|path| self.secrets.get(path)) {
            None => errors(404, &[]),
            Some(Value::Null) => Reply::Json(404, whole(&Value::Null).to_string()),
            Some(fields) => Reply::Json(200, whole(fields).to_string()),
        }
    }
}
