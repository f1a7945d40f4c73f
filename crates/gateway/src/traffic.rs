//! Counts of connections and requests. Each worker writes its own; they are added when somebody asks.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coracle_base::metrics::{Gauge, HttpServer};

/// What a server has done since it started, and what it is doing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that are open.
    pub connections_open: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that were closed unserved because there were too many.
    pub connections_shed: u64,
    /// Requests that are being answered.
    pub requests_open: u64,
    /// Requests that were answered, refused or left by their client.
    pub requests: u64,
    /// Of these, the requests that no service saw.
    pub requests_refused: u64,
    /// Of these, the requests whose client went away before there was an answer.
    pub requests_abandoned: u64,
    /// Answers by class: 1xx to 5xx.
    pub responses: [u64; 5],
    /// Bytes of response bodies.
    pub body_bytes_sent: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.connections_open += other.connections_open;
        self.connections += other.connections;
        self.connections_shed += other.connections_shed;
        self.requests_open += other.requests_open;
        self.requests += other.requests;
        self.requests_refused += other.requests_refused;
        self.requests_abandoned += other.requests_abandoned;
        self.body_bytes_sent += other.body_bytes_sent;
        for (sum, more) in self.responses.iter_mut().zip(other.responses) {
            *sum += more;
        }
    }
}

impl fmt::Display for Traffic {
    /// Prometheus text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
            writeln!(f, "# HELP coracle_http_{name} {help}\n# TYPE coracle_http_{name} {kind}\ncoracle_http_{name} {value}")
        };
        metric("connections_open", "gauge", "Connections that are open.", self.connections_open)?;
        metric("connections_total", "counter", "Connections that were accepted.", self.connections)?;
        metric("connections_shed_total", "counter", "Connections closed unserved: there were too many.", self.connections_shed)?;
        metric("requests_open", "gauge", "Requests that are being answered.", self.requests_open)?;
        metric("requests_total", "counter", "Requests answered, refused or left by their client.", self.requests)?;
        metric("requests_refused_total", "counter", "Requests that no service saw.", self.requests_refused)?;
        metric("requests_abandoned_total", "counter", "Requests left by their client.", self.requests_abandoned)?;
        metric("body_sent_bytes_total", "counter", "Bytes of response bodies.", self.body_bytes_sent)?;
        writeln!(f, "# HELP coracle_http_responses_total Answers by class of status.\n# TYPE coracle_http_responses_total counter")?;
        for (class, count) in (1..).zip(self.responses) {
            writeln!(f, "coracle_http_responses_total{{class=\"{class}xx\"}} {count}")?;
        }
        Ok(())
    }
}

/// The counts of one thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections_open: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) connections_shed: AtomicU64,
    pub(crate) requests_open: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) requests_refused: AtomicU64,
    pub(crate) requests_abandoned: AtomicU64,
    pub(crate) responses: [AtomicU64; 5],
    pub(crate) body_bytes_sent: AtomicU64,
}

impl Counters {
    pub(crate) fn responded(&self, status: http::StatusCode) {
        if let Some(count) = self.responses.get(usize::from(status.as_u16() / 100).saturating_sub(1)) {
            add(count, 1);
        }
    }

    pub(crate) fn read(&self) -> Traffic {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Traffic {
            connections_open: get(&self.connections_open),
            connections: get(&self.connections),
            connections_shed: get(&self.connections_shed),
            requests_open: get(&self.requests_open),
            requests: get(&self.requests),
            requests_refused: get(&self.requests_refused),
            requests_abandoned: get(&self.requests_abandoned),
            responses: self.responses.each_ref().map(get),
            body_bytes_sent: get(&self.body_bytes_sent),
        }
    }
}

/// Holds a gauge of the metrics up by one as long as it lives.
pub(crate) struct Gauged {
    metrics: Arc<HttpServer>,
    gauge: fn(&HttpServer) -> &Gauge,
}

impl Gauged {
    pub(crate) fn connection(metrics: Arc<HttpServer>) -> Self {
        Self::new(metrics, HttpServer::connections)
    }

    pub(crate) fn request(metrics: Arc<HttpServer>) -> Self {
        Self::new(metrics, HttpServer::active)
    }

    pub(crate) fn metrics(&self) -> &HttpServer {
        &self.metrics
    }

    fn new(metrics: Arc<HttpServer>, gauge: fn(&HttpServer) -> &Gauge) -> Self {
        gauge(&metrics).add(1);
        Self { metrics, gauge }
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).add(-1);
    }
}

pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

pub(crate) fn subtract(count: &AtomicU64, fewer: u64) {
    count.fetch_sub(fewer, Ordering::Relaxed);
}
