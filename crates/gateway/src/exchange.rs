//! One request and its answer: checked, handed to the service, and the answer made fit for the wire.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use coracle_triggers::http::{Body, Peer};
use http::header::CONNECTION;
use http::uri::Authority;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use parking_lot::Mutex;

use crate::access::{self, Account};
use crate::connection::Shared;
use crate::line::Line;
use crate::refusal::Refusal;
use crate::request;
use crate::response::{self, Outgoing};
use crate::service::Service;

/// What the requests of one connection share.
pub(crate) struct Exchange<S> {
    shared: Arc<Shared<S>>,
    line: Arc<Line>,
    peer: Peer,
    requests: AtomicU64,
    /// The authority of the last request: on most connections it is the same for all, and need not be parsed again.
    authority: Mutex<Option<Authority>>,
}

impl<S: Service> Exchange<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, line: Arc<Line>, peer: Peer) -> Self {
        Self { shared, line, peer, requests: AtomicU64::new(0), authority: Mutex::new(None) }
    }

    pub(crate) async fn answer_http1(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Outgoing>, std::convert::Infallible> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        // The wire has counted it as begun.
        let mut account = self.account(&request);
        if let Some(refusal) = self.line.refusal(number) {
            if self.line.is_stand_in(number) {
                account.unread();
            }
            return Ok(self.refuse(account, refusal));
        }
        let mut response = self.answer(request, account, || self.line.refusal(number)).await;
        // Where this is the worker's only request, nobody else can be ready.
        if self.shared.counters.requests_open.load(Ordering::Relaxed) > 1 {
            self.shared.turns.give_way().await;
        }
        // The connection may learn of the drain only after this answer; its client is to know that no other will follow.
        if self.shared.drain.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    pub(crate) async fn answer_http2(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Outgoing>, std::convert::Infallible> {
        self.line.begin();
        let account = self.account(&request);
        Ok(self.answer(request, account, || None).await)
    }

    fn account(&self, request: &Request<Incoming>) -> Account {
        let context =
            access::Context { peer: self.peer, counters: &self.shared.counters, metrics: self.shared.metrics.as_ref(), line: &self.line };
        Account::open(request, context)
    }

    async fn answer(&self, request: Request<Incoming>, account: Account, late: impl Fn() -> Option<Refusal>) -> Response<Outgoing> {
        let bounds = &self.shared.bounds;
        let (mut parts, body) = request.into_parts();
        let context = request::Context { bounds, peer: self.peer, address: self.shared.address, known: &self.authority };
        if let Err(refusal) = request::admit(&mut parts, &context) {
            return self.refuse(account, refusal);
        }
        if parts.method == http::Method::OPTIONS && parts.uri.path() == "*" {
            return response::frame(Response::new(Body::empty()), account, bounds);
        }
        let verdict = Arc::new(OnceLock::new());
        let body = match request::bound(body, bounds, &verdict) {
            Ok(body) => body,
            Err(refusal) => return self.refuse(account, refusal),
        };
        let response = self.shared.service.call(Request::from_parts(parts, body), self.peer).await;
        // Whatever the service made of a body that broke off: the client is told what it did.
        match verdict.get().copied().or_else(late) {
            Some(refusal) => self.refuse(account, refusal),
            None => response::frame(response, account, bounds),
        }
    }

    fn refuse(&self, account: Account, refusal: Refusal) -> Response<Outgoing> {
        account.refused();
        response::frame(refusal.response(), account, &self.shared.bounds)
    }
}
