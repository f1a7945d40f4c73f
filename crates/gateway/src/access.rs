//! The account of one request: counted when it ends, however it ends, and one line in the access log (target `coracle::access`).

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use coracle_base::clock;
use coracle_base::metrics::HttpServer;
use coracle_triggers::http::{Body, Peer, Served};
use http::{Method, Request, StatusCode, Uri};

use crate::line::Line;
use crate::traffic::{Counters, Gauged, add, subtract};

/// What the log says for a client that left before there was an answer. No response carries it.
const CLIENT_LEFT: u16 = 499;

/// Where a request is accounted for.
pub(crate) struct Context<'a> {
    pub(crate) peer: Peer,
    pub(crate) counters: &'a Arc<Counters>,
    pub(crate) metrics: Option<&'a Arc<HttpServer>>,
    pub(crate) line: &'a Arc<Line>,
}

/// An open request. It is closed by being dropped.
pub(crate) struct Account {
    method: Method,
    uri: Uri,
    peer: Peer,
    begun: Instant,
    counters: Arc<Counters>,
    gauged: Option<Gauged>,
    line: Arc<Line>,
    /// Whether there is a request to tell of; a head that was refused never became one.
    is_read: bool,
    answer: Option<StatusCode>,
    served: Option<Served>,
    body_bytes: u64,
}

impl Account {
    pub(crate) fn open<B>(request: &Request<B>, context: Context<'_>) -> Self {
        let Context { peer, counters, metrics, line } = context;
        add(&counters.requests_open, 1);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (counters, line) = (Arc::clone(counters), Arc::clone(line));
        let gauged = metrics.cloned().map(Gauged::request);
        Self { method, uri, peer, begun: clock::now(), counters, gauged, line, is_read: true, answer: None, served: None, body_bytes: 0 }
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The path without the query, which may carry secrets.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// The request is a stand-in for a head that could not be read.
    pub(crate) fn unread(&mut self) {
        self.is_read = false;
    }

    pub(crate) fn refused(&self) {
        add(&self.counters.requests_refused, 1);
    }

    pub(crate) fn answered(&mut self, status: StatusCode, body: &Body) {
        self.answer = Some(status);
        self.served = body.served().cloned();
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.body_bytes += bytes as u64;
    }
}

impl Account {
    /// The method, as the label of a metric: strangers do not get to make up labels.
    fn known_method(&self) -> &'static str {
        const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
        KNOWN.into_iter().find(|known| self.is_read && *known == self.method.as_str()).unwrap_or("_OTHER")
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.line.end();
        subtract(&self.counters.requests_open, 1);
        add(&self.counters.requests, 1);
        add(&self.counters.body_bytes_sent, self.body_bytes);
        match self.answer {
            Some(status) => {
                self.counters.responded(status);
                if let Some(gauged) = &self.gauged {
                    gauged.metrics().answered(self.known_method(), status.as_u16(), self.begun.elapsed());
                }
            }
            None => add(&self.counters.requests_abandoned, 1),
        }
        tracing::info!(
            target: "coracle::access",
            client = %self.peer.client,
            method = %Escaped(if self.is_read { self.method.as_str() } else { "-" }),
            path = %Escaped(if self.is_read { self.uri.path_and_query().map_or("", |path| path.as_str()) } else { "-" }),
            status = self.answer.map_or(CLIENT_LEFT, |status| status.as_u16()),
            bytes = self.body_bytes,
            duration_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            app = self.served.as_ref().map(|served| served.0.app.as_str()),
            component = self.served.as_ref().map(|served| served.0.component.as_str()),
        );
    }
}

/// Text of a stranger that cannot pretend to be more than one value of one line.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '"' | '\\' => write!(f, "\\{char}"),
            char if char.is_control() || !char.is_ascii() => write!(f, "{}", char.escape_unicode()),
            char => write!(f, "{char}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_their_line() {
        assert_eq!(Escaped("/a?\"b\\\n\u{1b}[31mé").to_string(), "/a?\\\"b\\\\\\u{a}\\u{1b}[31m\\u{e9}");
    }
}
