//! The load generator: raw HTTP/1.1 over keep-alive connections, a thread for each core, no allocation for a request. A closed loop keeps a
//! number of requests in flight and finds the greatest throughput. An open loop sends at a fixed rate whatever the server does, and
//! counts each request's time from when it was due, so that a server that stalls cannot hide its stall.

mod connection;
mod schedule;
mod wire;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use coracle_base::shards;
use hdrhistogram::Histogram;

/// The longest time of a request that the histogram tells apart.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Significant decimal digits of a time.
const DIGITS: u8 = 3;

/// The requests of a run, in the order in which they are sent, over and over.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    kinds: Arc<[Vec<u8>]>,
    /// Indices of `kinds`; empty for the first kind alone.
    order: Arc<[u32]>,
}

impl Requests {
    /// The same request each time.
    pub(crate) fn one(request: Vec<u8>) -> Self {
        Self { kinds: Arc::new([request]), order: Arc::new([]) }
    }

    /// Requests of several kinds in the order that `order` gives, by index.
    pub(crate) fn mixed(kinds: Vec<Vec<u8>>, order: Vec<u32>) -> Self {
        Self { kinds: kinds.into(), order: order.into() }
    }

    /// The kind of the request with this number.
    fn kind(&self, number: usize) -> usize {
        let index = number.checked_rem(self.order.len()).and_then(|index| self.order.get(index));
        index.map_or(0, |kind| *kind as usize)
    }

    fn bytes(&self, kind: usize) -> &[u8] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }
}

/// The bytes of a request for `path` with `body`.
pub(crate) fn request(method: &str, host: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n").into_bytes();
    if !body.is_empty() {
        bytes.extend_from_slice(format!("content-type: application/octet-stream\r\ncontent-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// When requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// So many in flight at each moment.
    Closed { in_flight: usize },
    /// So many in each second, evenly spaced.
    Open { per_second: f64 },
}

/// One run of load.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) shape: Shape,
    pub(crate) requests: Requests,
    pub(crate) time: Duration,
}

/// What a run of load found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Responses with status 200.
    pub(crate) answered: u64,
    /// Responses with another status, broken connections, and requests that were due and could not be sent in time.
    pub(crate) failed: u64,
    /// The bytes of all bodies of responses.
    pub(crate) body_bytes: u64,
    /// From the first request to the last response.
    pub(crate) elapsed: Duration,
    times_ns: Histogram<u64>,
}

impl Outcome {
    fn new() -> Result<Self> {
        let times_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS).context("the histogram")?;
        Ok(Self { answered: 0, failed: 0, body_bytes: 0, elapsed: Duration::ZERO, times_ns })
    }

    fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.body_bytes += other.body_bytes;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.times_ns += &other.times_ns;
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }

    /// The time within which `percent` of all requests were answered, in milliseconds.
    pub(crate) fn time_ms(&self, percent: f64) -> f64 {
        self.times_ns.value_at_percentile(percent) as f64 / 1e6
    }
}

impl Load {
    /// Sends the load and waits for its end.
    pub(crate) fn run(&self) -> Result<Outcome> {
        self.run_and(|| {})
    }

    /// Sends the load, waits for its end, and calls `look` while all connections are still open.
    pub(crate) fn run_and(&self, look: impl FnOnce()) -> Result<Outcome> {
        let cores = shards::cores().get();
        let threads = cores.min(self.connections).max(1);
        if let Shape::Closed { in_flight } = self.shape
            && in_flight > self.connections
        {
            bail!("{in_flight} requests at once need as many connections, and there are {}", self.connections);
        }
        let stages = worker::Stages { connected: Barrier::new(threads), sent: Barrier::new(threads + 1), seen: Barrier::new(threads + 1) };
        let outcomes = std::thread::scope(|scope| {
            let stages = &stages;
            let begin = |thread| scope.spawn(move || worker::run(self, worker::Share { thread, threads }, stages));
            let running: Vec<_> = (0..threads).map(begin).collect();
            stages.sent.wait();
            look();
            stages.seen.wait();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Vec<_>>()
        });
        let mut sum = Outcome::new()?;
        for outcome in outcomes {
            sum.add(&outcome?);
        }
        if sum.answered == 0 {
            bail!("{} answered no request with 200 ({} failed)", self.address, sum.failed);
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::testing::Native;

    fn load(native: &Native, shape: Shape) -> Load {
        let requests = Requests::one(request("GET", "localhost", "/", b""));
        Load { address: native.address, connections: 8, shape, requests, time: Duration::from_millis(100) }
    }

    #[test]
    fn a_closed_loop_counts_every_answer() {
        let native = Native::start();
        let outcome = load(&native, Shape::Closed { in_flight: 4 }).run().unwrap();
        assert_eq!(outcome.failed, 0);
        assert!(outcome.answered > 0);
        assert_eq!(outcome.body_bytes, outcome.answered * 14);
        assert!(outcome.time_ms(50.0) <= outcome.time_ms(99.0));
    }

    #[test]
    fn an_open_loop_sends_as_many_as_it_was_told() {
        let native = Native::start();
        let outcome = load(&native, Shape::Open { per_second: 500.0 }).run().unwrap();
        assert_eq!((outcome.answered, outcome.failed), (50, 0));
    }

    #[test]
    fn kinds_of_requests_come_in_their_order() {
        let requests = Requests::mixed(vec![b"a".to_vec(), b"b".to_vec()], vec![0, 1, 1]);
        let sent: Vec<_> = (0..6).map(|number| requests.bytes(requests.kind(number)).to_vec()).collect();
        assert_eq!(sent.concat(), b"abbabb");
        assert_eq!(Requests::one(b"x".to_vec()).kind(7), 0);
    }

    #[test]
    fn a_body_announces_its_length() {
        let bytes = request("POST", "h", "/p", b"abc");
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, "POST /p HTTP/1.1\r\nhost: h\r\ncontent-type: application/octet-stream\r\ncontent-length: 3\r\n\r\nabc");
    }

    #[test]
    fn a_server_that_refuses_everything_is_an_error() {
        let native = Native::start();
        let mut load = load(&native, Shape::Closed { in_flight: 1 });
        load.requests = Requests::one(request("GET", "localhost", "/no-such-page", b""));
        let error = load.run().unwrap_err().to_string();
        assert!(error.contains("answered no request with 200"), "{error}");
    }
}
