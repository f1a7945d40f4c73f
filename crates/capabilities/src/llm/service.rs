//! What the two protocols have in common: JSON asked and answered over HTTP, with a token, bounds, and one meaning for each status.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use coracle_engine::BindError;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;
use crate::backend::{Opening, Service, Token};
use crate::resolver::Secret;

/// How long one call may take. Models are slow; the guest's own deadline ends most calls earlier.
const CALL_MAX: Duration = Duration::from_secs(300);
/// A longer answer is refused. Embeddings are long: a thousand numbers for each text.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How much of what a service says of a failure is told to the operator.
const COMPLAINT_CHARACTERS_MAX: usize = 300;

/// The keys that every kind of service has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    pub(super) url: String,
    pub(super) auth_token: Option<Secret>,
    pub(super) auth_token_file: Option<PathBuf>,
    pub(super) ca_roots_file: Option<PathBuf>,
}

/// A service that speaks JSON.
#[derive(Debug)]
pub(super) struct Json {
    service: Service,
    token: Option<Token>,
}

/// What services say of a failure.
#[derive(Deserialize)]
struct Complaint {
    error: Value,
}

impl Common {
    /// Makes the client. An address may end with `suffix`, which the paths of the calls begin with.
    pub(super) fn open(self, opening: &Opening<'_>, suffix: &str) -> Result<Json, BindError> {
        let trimmed = self.url.trim_end_matches('/');
        let url = trimmed.strip_suffix(suffix).filter(|_| !suffix.is_empty()).unwrap_or(&self.url);
        let token = Token::of(opening, "auth_token", self.auth_token, self.auth_token_file.as_deref())?;
        Ok(Json { service: Service::open(opening, url, self.ca_roots_file.as_deref(), CALL_MAX)?, token })
    }
}

impl Json {
    pub(super) fn place(&self) -> &str {
        self.service.place()
    }

    /// Sends `question` to `path`, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &[&str], question: &Value) -> Result<T, Error> {
        let failed = |public, internal| Error::Service { public, internal };
        let unusable = |internal| failed("the call could not be made", internal);
        let mut request = Request::post(self.service.at(path.iter().copied())).header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            let token = token.header("Bearer ").map_err(|error| unusable(coracle_base::chain(&error).to_string()))?;
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(Bytes::from(question.to_string()))).map_err(|error| unusable(error.to_string()))?;
        let answer = self.service.send(request, ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|error| failed("the service did not answer", coracle_base::chain(&error).to_string()))?;
        match answer.status {
            status if status.is_success() => serde_json::from_slice(&answer.body).map_err(|error| {
                // Only where it went wrong: the parser's own message repeats what a model wrote.
                let place = format!("{:?} at line {}, column {}", error.classify(), error.line(), error.column());
                failed("the service's answer is not understood", format!("its answer is not what was expected: {place}"))
            }),
            StatusCode::NOT_FOUND => Err(Error::NoSuchModel),
            status @ (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY) => {
                Err(Error::Refused { internal: complaint(status, &answer.body) })
            }
            StatusCode::TOO_MANY_REQUESTS => Err(failed("the service is busy; try again later", complaint(answer.status, &answer.body))),
            status => Err(failed("the service failed", complaint(status, &answer.body))),
        }
    }
}

/// What the operator is told: the status, and the service's own words if it has some.
fn complaint(status: StatusCode, body: &[u8]) -> String {
    let words = serde_json::from_slice::<Complaint>(body).ok().map(|complaint| complaint.error);
    let words = words.as_ref().and_then(|error| error.get("message").unwrap_or(error).as_str());
    let words: String = words.unwrap_or_default().chars().take(COMPLAINT_CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if words.is_empty() { format!("it answered {}", status.as_u16()) } else { format!("it answered {}: {words}", status.as_u16()) }
}
