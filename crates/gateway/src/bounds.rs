//! Every bound of a listener and of a connection, with its default.

use std::time::Duration;

/// What one listener allows.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections open at a time; the next one is answered with 503 and closed. A share of the process's descriptors bounds them too.
    pub connections_max: usize,
    /// The head of an HTTP/1 request, and the field list of an HTTP/2 one; more is answered with 431.
    pub head_bytes_max: usize,
    /// Fields of a request, each crumb of a cookie counted; more is answered with 431.
    pub fields_max: usize,
    /// The request target; more is answered with 414.
    pub target_bytes_max: usize,
    /// The body of a request; more is answered with 413.
    pub body_bytes_max: u64,
    /// The trailers of a request.
    pub trailer_bytes_max: usize,
    /// The head of a response; a guest that writes more is answered for with 500.
    pub response_head_bytes_max: usize,
    /// Fields of a response.
    pub response_fields_max: usize,
    /// Bytes that are read and thrown away after an answer that did not wait for the whole request.
    pub linger_bytes_max: usize,
    /// How long to read and throw away. Who writes all before it reads anything does not learn of an answer from a closed connection.
    pub linger: Duration,
    /// Once a connection is to end: how long a client that was just let in may take to begin, and an HTTP/2 client to say that it knows.
    pub leave: Duration,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For the first byte of a connection, and from the first byte of a head to its last.
    pub head: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// Between two pieces of a request body that somebody waits for.
    pub body_idle: Duration,
    /// The slowest a request body may be on the whole, beyond a first `body_idle`.
    pub body_bytes_per_second_min: u64,
    /// How long a client may take no byte of a response that is ready.
    pub write_stall: Duration,
    /// How long an answer may take after its client has closed its side of the connection. A client that went away and one that only
    /// has nothing more to send look the same.
    pub half_closed: Duration,
    /// HTTP/2 streams at a time on one connection.
    pub streams_max: u32,
    /// HTTP/2 streams that were reset before they were served; more ends the connection.
    pub resets_pending_max: usize,
    /// HTTP/2 streams that a client's mistakes made this side reset; more ends the connection.
    pub resets_local_max: usize,
    /// What an HTTP/2 stream may send unread.
    pub stream_window_bytes: u32,
    /// What an HTTP/2 connection may send unread.
    pub connection_window_bytes: u32,
    /// What waits for the client of an HTTP/2 stream.
    pub stream_send_bytes_max: usize,
    /// Between two pings that ask whether the client of an HTTP/2 connection is still there.
    pub ping: Duration,
    /// HTTP/2 frames that carry nothing for a request (pings, settings, resets, empty data…) in ten seconds.
    pub idle_frames_max: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            head_bytes_max: 64 << 10,
            fields_max: 128,
            target_bytes_max: 8 << 10,
            body_bytes_max: 100 << 20,
            trailer_bytes_max: 8 << 10,
            response_head_bytes_max: 64 << 10,
            response_fields_max: 256,
            linger_bytes_max: 128 << 20,
            linger: Duration::from_secs(5),
            leave: Duration::from_secs(1),
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body_idle: Duration::from_secs(15),
            body_bytes_per_second_min: 240,
            write_stall: Duration::from_secs(30),
            half_closed: Duration::from_secs(1),
            streams_max: 100,
            resets_pending_max: 20,
            resets_local_max: 128,
            stream_window_bytes: 256 << 10,
            connection_window_bytes: 1 << 20,
            stream_send_bytes_max: 64 << 10,
            ping: Duration::from_secs(30),
            idle_frames_max: 10_000,
        }
    }
}
