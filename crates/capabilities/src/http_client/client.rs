//! Sends one request of a guest: decide, count, connect or reuse, and hand the response back.

use std::sync::Arc;
use std::time::Duration;

use coracle_base::telemetry::TraceContext;
use coracle_engine::{Identity, Limits};
use futures::future::Either;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{Called, Received, Sent};
use super::connection::connect;
use super::error;
use super::local::{CHAIN_MAX, LocalRouter, LocalTarget};
use super::outbound::Outbound;
use super::pool::{Key, Sender};
use super::request::{self, FieldBounds};
use super::state::Arrival;
use crate::egress::{Call, Calls, Clearance, Host, Policy, Route};
use crate::operations::Operations;

/// The one operation, as spans and metrics name it.
pub(super) const OPERATION: &str = "send_request";

/// What a guest waits for that asks for nothing else; never more than the wall limit of its component.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(30);
const BETWEEN_BYTES_TIMEOUT: Duration = Duration::from_secs(15);
/// Connections from the pool that may turn out to be dead before a new one is made.
const REUSED_TRIES_MAX: usize = 2;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Sends the requests of one instance. The default refuses all.
#[derive(Clone, Default)]
pub(super) struct Client {
    granted: Option<Arc<Granted>>,
    bounds: Option<Bounds>,
    pub(super) arrival: Arrival,
}

/// What the instances of a component share.
pub(super) struct Granted {
    pub(super) policy: Arc<Policy>,
    pub(super) outbound: Arc<Outbound>,
    pub(super) router: Arc<LocalRouter>,
    pub(super) component: String,
    pub(super) operations: Operations,
}

#[derive(Clone)]
struct Bounds {
    limits: Arc<Limits>,
    calls: Calls,
    identity: Arc<Identity>,
}

#[derive(Clone, Copy)]
struct Timeouts {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Timeouts {
    fn new(options: &RequestOptions, wall: Duration) -> Self {
        let bound = |asked: Option<Duration>, usual: Duration| asked.unwrap_or(usual).min(wall);
        Self {
            connect: bound(options.connect_timeout, CONNECT_TIMEOUT),
            first_byte: bound(options.first_byte_timeout, FIRST_BYTE_TIMEOUT),
            between_bytes: bound(options.between_bytes_timeout, BETWEEN_BYTES_TIMEOUT),
        }
    }
}

impl Bounds {
    fn fields(&self) -> FieldBounds {
        FieldBounds { bytes_max: self.limits.header_bytes, count_max: self.limits.header_fields }
    }
}

impl Client {
    pub(super) fn of(granted: &Arc<Granted>) -> Self {
        Self { granted: Some(Arc::clone(granted)), ..Self::default() }
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.bounds.is_some()
    }

    pub(super) fn bound(&mut self, limits: Arc<Limits>, calls: Calls, identity: Arc<Identity>) {
        self.bounds = Some(Bounds { limits, calls, identity });
    }

    /// Sends `request`, and gives back the response as soon as its head is there.
    pub(super) async fn send(&self, request: Request<WasiBody>, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
        let span = span_of(&request);
        let sent = self.send_any(request, options).instrument(span.clone()).await;
        match &sent {
            Ok(response) => span.record("http.response.status_code", response.status().as_u16()),
            Err(error) => span.record("error.type", tracing::field::debug(error)),
        };
        sent
    }

    async fn send_any(&self, mut request: Request<WasiBody>, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
        let Some(bounds) = &self.bounds else { return Err(Error::HttpRequestDenied) };
        let destination = request::destination(&request)?;
        let Some(granted) = &self.granted else {
            let refused = Policy::none(&bounds.identity.component).route(destination);
            return Err(refused.err().map_or(Error::HttpRequestDenied, error::of_refusal));
        };
        request::clean(&mut request, bounds.fields())?;
        let route = granted.policy.route(destination).map_err(error::of_refusal)?;
        if let Some(traceparent) = self.traceparent() {
            request.headers_mut().insert(TRACEPARENT, traceparent);
        }
        let timeouts = Timeouts::new(&options, bounds.limits.wall);
        let deadline = Instant::now().checked_add(timeouts.connect).ok_or(Error::ConfigurationError)?;
        let call = begin(bounds, deadline).await?;
        let sending = match route {
            Route::Local(host) => Either::Left(self.send_inside(granted, request, host, timeouts, call)),
            Route::Network(clearance) => Either::Right(Asked { granted, bounds, timeouts, deadline }.send(clearance, request, call)),
        };
        granted.operations.measure(OPERATION, sending).await
    }

    /// What a request carries on: the span of its sending where traces are exported, which lies within the guest's own; else what the
    /// guest's own call brought.
    fn traceparent(&self) -> Option<HeaderValue> {
        let span = Some(Span::current()).filter(|span| !span.is_disabled());
        let exported = span.and_then(|span| TraceContext::of(&span)).and_then(|place| HeaderValue::try_from(place.to_string()).ok());
        exported.or_else(|| self.arrival.traceparent.clone())
    }

    async fn send_inside(
        &self,
        granted: &Granted,
        mut request: Request<WasiBody>,
        host: Host,
        timeouts: Timeouts,
        call: Call,
    ) -> Result<Response<WasiBody>, Error> {
        let depth = self.arrival.depth.saturating_add(1);
        if depth > CHAIN_MAX {
            tracing::warn!(component = granted.component, "a request to `{host}` is the {depth}th in a row; the app calls itself");
            return Err(Error::LoopDetected);
        }
        let service = granted.router.get().ok_or(Error::DestinationUnavailable)?;
        request::address_local(&mut request, &host)?;
        request::clean_for_guest(request.headers_mut());
        request.extensions_mut().insert(Arrival { depth, traceparent: self.traceparent() });
        let target = match host {
            Host::Component(component) => LocalTarget::Component(component),
            _ => LocalTarget::App,
        };
        let answered = timeout(timeouts.first_byte, service.call(target, request)).await;
        let response = answered.map_err(|_| Error::ConnectionReadTimeout)??;
        Ok(response.map(|body| Called::new(body, call).boxed_unsync()))
    }
}

/// The span of an outgoing request. It costs nothing while nobody listens.
fn span_of(request: &Request<WasiBody>) -> Span {
    let span = tracing::info_span!(
        "spin_outbound_http.send_request",
        otel.kind = "client",
        http.request.method = Empty,
        server.address = Empty,
        server.port = Empty,
        url.path = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
    );
    if !span.is_disabled() {
        // The query is left out: what guests put there is often a secret.
        span.record("http.request.method", request.method().as_str());
        span.record("server.address", request.uri().host().unwrap_or_default());
        span.record("server.port", request.uri().port_u16());
        span.record("url.path", request.uri().path());
    }
    span
}

/// Waits for the right to make one more call.
async fn begin(bounds: &Bounds, deadline: Instant) -> Result<Call, Error> {
    match timeout_at(deadline, bounds.calls.begin()).await {
        Ok(Ok(call)) => Ok(call),
        Ok(Err(exhausted)) => {
            tracing::warn!(component = bounds.identity.component, "an outbound call was refused: {exhausted}");
            Err(Error::ConnectionLimitReached)
        }
        Err(_) => Err(Error::ConnectionLimitReached),
    }
}

/// A request that leaves through the network.
struct Asked<'a> {
    granted: &'a Granted,
    bounds: &'a Bounds,
    timeouts: Timeouts,
    deadline: Instant,
}

impl Asked<'_> {
    async fn send(self, clearance: Clearance, request: Request<WasiBody>, call: Call) -> Result<Response<WasiBody>, Error> {
        let outbound = &self.granted.outbound;
        let destination = clearance.destination().clone();
        let component = &self.granted.component;
        let key = Key {
            identity: (destination.scheme == "https").then(|| outbound.tls.identity(component, &destination.host)),
            h2c: outbound.speaks_h2c(&destination),
            host: destination.host.clone(),
            port: destination.port,
        };
        let mut request = request.map(|body| Sent::new(body).boxed_unsync());
        let mut tries = 0_usize..REUSED_TRIES_MAX;
        loop {
            let kept = tries.next().and_then(|_| outbound.pool.lend(&key));
            let mut lease = match kept {
                Some(lease) => lease,
                None => connect(outbound, key.clone(), clearance.clone(), self.deadline).await?,
            };
            let sent = match &mut lease.sender {
                Sender::H1(sender) => {
                    request::address_h1(&mut request, &destination)?;
                    Either::Left(sender.try_send_request(request))
                }
                Sender::H2(sender) => {
                    request::address_h2(&mut request, &destination)?;
                    Either::Right(sender.try_send_request(request))
                }
            };
            match timeout(self.timeouts.first_byte, sent).await {
                Err(_) => return Err(Error::ConnectionReadTimeout),
                Ok(Ok(response)) => {
                    self.check(&response)?;
                    let connection = (Arc::clone(&outbound.pool), lease, call);
                    let (between_bytes, fields) = (self.timeouts.between_bytes, self.bounds.fields());
                    return Ok(response.map(|incoming| Received::new(incoming, connection, between_bytes, fields).boxed_unsync()));
                }
                Ok(Err(mut failed)) => match failed.take_message() {
                    // The server had closed the connection while it waited in the pool, and has not seen the request.
                    Some(unsent) if lease.is_reused => request = unsent,
                    _ => {
                        let error = failed.into_error();
                        tracing::debug!(component, "a request to `{destination}` failed: {}", coracle_base::chain(&error));
                        return Err(error::of_hyper(error));
                    }
                },
            }
        }
    }

    fn check(&self, response: &Response<Incoming>) -> Result<(), Error> {
        // Nobody asked to speak another protocol, and a guest could not.
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::HttpUpgradeFailed);
        }
        let FieldBounds { bytes_max, count_max } = self.bounds.fields();
        let bytes = request::size(response.headers());
        if bytes > bytes_max || response.headers().len() > count_max {
            return Err(Error::HttpResponseHeaderSectionSize(u32::try_from(bytes).ok()));
        }
        Ok(())
    }
}
