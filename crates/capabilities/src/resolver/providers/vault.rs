//! `type = "vault"`: HashiCorp's key-value secrets engine, version 2. The variable `name` is the field `value` of the secret
//! `<mount>/<prefix>/<name>`; one that is not there is left to the next provider, and any other trouble is an error.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use coracle_base::clock;
use coracle_engine::BindError;
use http::{Request, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Provider, ProviderError};
use crate::backend::{Kind, Opened, Opening, Service, Token};
use crate::resolver::Secret;

/// This kind of provider.
pub(super) const KIND: Kind<dyn Provider> = Kind { types: &["vault"], open };

/// How long one lookup may take, with its wait for a turn.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// Lookups at the same time; further ones wait for their turn.
const LOOKUPS_MAX: usize = 32;
/// A longer answer is refused.
const ANSWER_BYTES_MAX: usize = 2 << 20;
/// Values that are kept for `cache_ms`; when there are more, all are forgotten.
const CACHED_MAX: usize = 1_024;
/// The longest `cache_ms`.
const CACHE_MAX: Duration = Duration::from_secs(60);

/// The header that shows the token.
const TOKEN: &str = "x-vault-token";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    mount: String,
    #[serde(default)]
    prefix: String,
    ca_roots_file: Option<PathBuf>,
    #[serde(default)]
    cache_ms: u64,
}

#[derive(Debug)]
struct Vault {
    service: Service,
    token: Token,
    mount: String,
    prefix: String,
    turns: Semaphore,
    cache: Cache,
}

/// What was answered lately.
#[derive(Debug)]
struct Cache {
    time: Duration,
    answers: Mutex<BTreeMap<String, (Instant, Option<Secret>)>>,
}

/// As far as the answer to a read is of interest.
#[derive(Deserialize)]
struct Read {
    data: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    data: Option<serde_json::Map<String, serde_json::Value>>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Provider>, BindError> {
    let table: Table = opening.config()?;
    let service = Service::open(opening, &table.url, table.ca_roots_file.as_deref(), LOOKUP_MAX)?;
    let token = Token::of(opening, "token", table.token, table.token_file.as_deref())?;
    let token = token.ok_or_else(|| opening.refused("it has no `token`", "write `token`, or name the file of one in `token_file`"))?;
    if segments(&table.mount).next().is_none() {
        return Err(opening.refused("`mount` is empty", "name the path at which the secrets engine is mounted, such as `secret`"));
    }
    let time = Duration::from_millis(table.cache_ms);
    if time > CACHE_MAX {
        let message = format!("`cache_ms` is more than {}", CACHE_MAX.as_millis());
        return Err(opening.refused(&message, "keep values for a shorter time"));
    }
    let place = format!("vault {} {}", service.place(), table.mount);
    let cache = Cache { time, answers: Mutex::default() };
    let turns = Semaphore::new(LOOKUPS_MAX);
    Ok(Opened { backend: Arc::new(Vault { service, token, mount: table.mount, prefix: table.prefix, turns, cache }), place })
}

#[async_trait]
impl Provider for Vault {
    async fn get(&self, name: &str) -> Result<Option<Secret>, ProviderError> {
        if let Some(answer) = self.cache.get(name) {
            return Ok(answer);
        }
        let asked = tokio::time::timeout(LOOKUP_MAX, self.ask(name)).await;
        let answer = asked.map_err(|_| ProviderError(format!("no answer came within {} s", LOOKUP_MAX.as_secs())))??;
        self.cache.keep(name, &answer);
        Ok(answer)
    }

    fn is_local(&self) -> bool {
        false
    }
}

impl Vault {
    #[tracing::instrument(name = "spin_variables.vault", skip_all, fields(otel.kind = "client", server.address = self.service.place()))]
    async fn ask(&self, name: &str) -> Result<Option<Secret>, ProviderError> {
        let _turn = self.turns.acquire().await.map_err(|_| ProviderError("it is closed".to_owned()))?;
        let token = self.token.header("").map_err(|error| ProviderError(coracle_base::chain(&error).to_string()))?;
        let (mount, prefix) = (segments(&self.mount), segments(&self.prefix));
        let address = self.service.at(["v1"].into_iter().chain(mount).chain(["data"]).chain(prefix).chain([name]));
        let request = Request::get(address).header(TOKEN, token).body(Full::<Bytes>::default());
        let request = request.map_err(|error| ProviderError(error.to_string()))?;
        let answer = self.service.send(request, ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|error| ProviderError(coracle_base::chain(&error).to_string()))?;
        match answer.status {
            StatusCode::OK => value(&answer.body).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::FORBIDDEN => Err(ProviderError("Vault denies it; check the token and its policy".to_owned())),
            StatusCode::SERVICE_UNAVAILABLE => Err(ProviderError("Vault is sealed or not ready; unseal it".to_owned())),
            status => Err(ProviderError(format!("Vault answered {}", status.as_u16()))),
        }
    }
}

impl Cache {
    fn get(&self, name: &str) -> Option<Option<Secret>> {
        if self.time.is_zero() {
            return None;
        }
        let answers = self.answers.lock();
        let (at, answer) = answers.get(name)?;
        (clock::now().duration_since(*at) < self.time).then(|| answer.clone())
    }

    fn keep(&self, name: &str, answer: &Option<Secret>) {
        if self.time.is_zero() {
            return;
        }
        let mut answers = self.answers.lock();
        if answers.len() >= CACHED_MAX {
            answers.clear();
        }
        answers.insert(name.to_owned(), (clock::now(), answer.clone()));
    }
}

/// The value in Vault's answer, of which no message repeats anything.
fn value(body: &[u8]) -> Result<Secret, ProviderError> {
    let wrong = |what: &str| ProviderError(format!("Vault's answer {what}"));
    let read: Read =
        serde_json::from_slice(body).map_err(|_| wrong("is not what its key-value engine, version 2, answers; check `mount`"))?;
    let fields = read.data.and_then(|version| version.data).ok_or_else(|| wrong("has no data; check that the engine is of version 2"))?;
    match fields.get("value") {
        Some(serde_json::Value::String(value)) => Ok(Secret::from(value.as_str())),
        Some(_) => Err(wrong("has a field `value` that is no string")),
        None => Err(wrong("has no field `value`")),
    }
}

/// The segments of a path, which operators write with and without slashes around it.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
