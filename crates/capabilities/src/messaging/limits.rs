//! The bounds of messaging.

use std::time::Duration;

use coracle_engine::Bound;

/// What an instance may send, and how long it may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The body of a message, and all replies to a request together.
    pub body_bytes_max: usize,
    /// All headers of a message together.
    pub header_bytes_max: usize,
    /// The longest subject.
    pub subject_bytes_max: usize,
    /// Messages of one invocation.
    pub messages_max: u32,
    /// Messages and requests of one instance that are under way at once.
    pub in_flight_max: usize,
    /// What a guest holds as resources at once: bodies, and for each message or client as much as its headers may have.
    pub held_bytes_max: usize,
    /// Replies to one request.
    pub replies_max: usize,
    /// How long a broker may take to take a message.
    pub publish_time_max: Duration,
    /// How long a request may wait for its replies, also when the guest would wait longer.
    pub request_time_max: Duration,
    /// How long a request waits when the guest does not say.
    pub request_time_usual: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            header_bytes_max: 64 << 10,
            subject_bytes_max: 1_024,
            messages_max: 1_000,
            in_flight_max: 32,
            held_bytes_max: 64 << 20,
            replies_max: 64,
            publish_time_max: Duration::from_secs(15),
            request_time_max: Duration::from_secs(60),
            request_time_usual: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// The same for people.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            Bound::bytes("the body of a message, and all replies to a request", self.body_bytes_max as u64),
            Bound::bytes("the metadata of a message", self.header_bytes_max as u64),
            Bound::bytes("a subject", self.subject_bytes_max as u64),
            Bound::count("messages of one invocation", self.messages_max.into()),
            Bound::count("messages and requests under way in an instance", self.in_flight_max as u64),
            Bound::bytes("messages that a guest holds as resources", self.held_bytes_max as u64),
            Bound::count("replies to a request", self.replies_max as u64),
            Bound::time("until a broker has a message", self.publish_time_max),
            Bound::time("the wait for replies", self.request_time_max),
        ]
    }
}
