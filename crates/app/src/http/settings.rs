//! The keys of `[[trigger.http]]`, and what they mean.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::route::{Route, RouteError};
use super::table::HOST_BYTES_MAX;
use crate::formats::OneOrMany;
use crate::model::Trigger;

/// The only entry point that a CGI program can have.
const ENTRYPOINT: &str = "_start";
/// The command line of a CGI program that names none.
const ARGV: &str = "${SCRIPT_NAME} ${ARGS}";

/// The settings of one HTTP trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTrigger {
    /// The path that it answers; `None` when only other components of the application can call it.
    pub route: Option<Route>,
    /// The hosts that it answers, in lower case; empty for all.
    pub hosts: Vec<String>,
    /// The methods that it answers, in upper case; empty for all.
    pub methods: Vec<String>,
    /// The response that is sent instead of calling a component.
    pub static_response: Option<StaticResponse>,
    /// How the component is called.
    pub executor: Executor,
}

/// A response that needs no component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticResponse {
    /// The status code, 200 to 599: a response of one's own is a final one.
    pub status: u16,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body, empty when the manifest gives none.
    pub body: String,
}

/// How a component is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Executor {
    /// Through one of the HTTP interfaces that it exports.
    #[default]
    Http,
    /// As a CGI program: request in environment and standard input, response on standard output.
    Wagi {
        /// The command line, with `${SCRIPT_NAME}` and `${ARGS}` to be filled in.
        argv: String,
    },
}

/// Why the settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// A key is missing, unknown or of the wrong type.
    #[error("{0}")]
    Structure(String),
    /// The route cannot be read.
    #[error("error parsing route: {0}")]
    Route(#[source] RouteError),
    /// `{ private = false }`.
    #[error("`route` must be a path or `{{ private = true }}`")]
    NotPrivate,
    /// A host is not a name.
    #[error("`{0}` is not a host name")]
    Host(String),
    /// A method is not a token.
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    /// The status is not one.
    #[error("{0} is not an HTTP status that can be sent")]
    Status(u16),
    /// A header cannot be sent.
    #[error("`{0}` is not an HTTP header that can be sent")]
    Header(String),
    /// The entry point of a CGI program is not `_start`.
    #[error("the entry point of a CGI program must be `{ENTRYPOINT}`, not `{0}`")]
    Entrypoint(String),
}

impl HttpError {
    /// The key at fault; empty when it is the trigger as a whole.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Structure(_) => "",
            Self::Route(_) | Self::NotPrivate => "route",
            Self::Host(_) => "host",
            Self::Method(_) => "method",
            Self::Status(_) | Self::Header(_) => "static_response",
            Self::Entrypoint(_) => "executor",
        }
    }

    /// The way out.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Structure(_) => "correct the keys of this trigger",
            Self::Route(_) => "write a route such as `/users/:id` or `/files/...`",
            Self::NotPrivate => "give it a path, or write `{ private = true }`",
            Self::Host(_) => "write a name without scheme, port and path, such as `example.com` or `*.example.com`",
            Self::Method(_) => "write a method in upper case, such as `GET`",
            Self::Status(_) => "use a status from 200 to 599",
            Self::Header(_) => "use letters, digits and `-` in the name, and one line of text as the value",
            Self::Entrypoint(_) => "remove `entrypoint`",
        }
    }
}

/// The keys of an HTTP trigger beside those that every trigger has.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "HttpTrigger")]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpTable {
    /// The path to answer, such as `"/users/:id"` or `"/files/..."`, or `{ private = true }` for a component that
    /// only other components call.
    route: RouteSetting,
    /// Answer requests for this host only, or for these; `"*.example.com"` stands for every name beneath it.
    #[schemars(extend("x-coracle" = true))]
    host: Option<OneOrMany<String>>,
    /// Answer this method only, or these; `"GET"` answers `HEAD` too. Other methods of such a path get 405.
    #[schemars(extend("x-coracle" = true))]
    method: Option<OneOrMany<String>>,
    /// A response to send instead of calling a component.
    static_response: Option<StaticResponseTable>,
    /// How the component is called; as an HTTP component when absent.
    executor: Option<ExecutorTable>,
}

/// A path, or `{ private = true }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Route")]
#[serde(untagged, deny_unknown_fields)]
enum RouteSetting {
    /// A path.
    Path(String),
    /// No path: reachable by other components only.
    Private {
        /// Must be true.
        private: bool,
    },
}

/// A response that needs no component.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "StaticResponse")]
#[serde(deny_unknown_fields)]
struct StaticResponseTable {
    /// The status; 200 when absent.
    #[serde(default = "ok_status")]
    #[schemars(range(min = 200, max = 599))]
    status_code: u16,
    /// The headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body; empty when absent.
    body: Option<String>,
}

/// How a component is called.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Executor")]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum ExecutorTable {
    /// As an HTTP component.
    Http {},
    /// The old name of `http`.
    Spin {},
    /// As a CGI program.
    Wagi {
        /// The command line; `"${SCRIPT_NAME} ${ARGS}"` when absent.
        argv: Option<String>,
        /// The entry point, `"_start"`.
        entrypoint: Option<String>,
    },
}

fn ok_status() -> u16 {
    200
}

impl HttpTrigger {
    /// Reads the settings of a trigger whose kind is `http`.
    ///
    /// # Errors
    /// When a key is missing, unknown, or has a value that cannot be meant.
    pub fn parse(trigger: &Trigger) -> Result<Self, HttpError> {
        let table: HttpTable =
            serde::Deserialize::deserialize(&trigger.config).map_err(|error: serde_json::Error| HttpError::Structure(error.to_string()))?;
        let route = match table.route {
            RouteSetting::Path(path) => Some(Route::parse(&path).map_err(HttpError::Route)?),
            RouteSetting::Private { private: true } => None,
            RouteSetting::Private { private: false } => return Err(HttpError::NotPrivate),
        };
        Ok(Self {
            route,
            hosts: hosts(table.host)?,
            methods: methods(table.method)?,
            static_response: table.static_response.map(static_response).transpose()?,
            executor: executor(table.executor)?,
        })
    }
}

fn hosts(hosts: Option<OneOrMany<String>>) -> Result<Vec<String>, HttpError> {
    let hosts = hosts.map(OneOrMany::into_vec).unwrap_or_default();
    let checked = hosts.into_iter().map(|host| {
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = host.len() <= HOST_BYTES_MAX && name.split('.').all(|label| !label.is_empty() && label.bytes().all(allowed));
        if is_name { Ok(host.to_ascii_lowercase()) } else { Err(HttpError::Host(host)) }
    });
    checked.collect()
}

fn methods(methods: Option<OneOrMany<String>>) -> Result<Vec<String>, HttpError> {
    let methods = methods.map(OneOrMany::into_vec).unwrap_or_default();
    let checked = methods.into_iter().map(|method| {
        let is_method = is_token(&method) && !method.bytes().any(|byte| byte.is_ascii_lowercase());
        if is_method { Ok(method) } else { Err(HttpError::Method(method)) }
    });
    checked.collect()
}

fn static_response(table: StaticResponseTable) -> Result<StaticResponse, HttpError> {
    if !(200..600).contains(&table.status_code) {
        return Err(HttpError::Status(table.status_code));
    }
    let is_line = |value: &str| !value.bytes().any(|byte| byte == b'\x7f' || (byte < b' ' && byte != b'\t'));
    if let Some((name, _)) = table.headers.iter().find(|(name, value)| !is_token(name) || !is_line(value)) {
        return Err(HttpError::Header(name.clone()));
    }
    Ok(StaticResponse { status: table.status_code, headers: table.headers, body: table.body.unwrap_or_default() })
}

fn executor(table: Option<ExecutorTable>) -> Result<Executor, HttpError> {
    match table {
        None | Some(ExecutorTable::Http {} | ExecutorTable::Spin {}) => Ok(Executor::Http),
        Some(ExecutorTable::Wagi { argv, entrypoint }) => match entrypoint {
            Some(other) if other != ENTRYPOINT => Err(HttpError::Entrypoint(other)),
            _ => Ok(Executor::Wagi { argv: argv.unwrap_or_else(|| ARGV.to_owned()) }),
        },
    }
}

/// Whether the text is a token in the sense of the HTTP grammar.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}
