//! A broker as one instance sees it: with subjects and bounds checked, and failures told to the operator.

use std::sync::Arc;
use std::time::Duration;

use tracing::instrument;

use super::grant::{Allowed, Budget, Granted};
use super::{Error, Message, Replies, subject};

/// The operations, as spans and metrics name them.
pub(super) const OPERATIONS: &[&str] = &["publish", "request"];

/// The way to a broker. Cheap to clone, so that a call can hold it while the instance goes on.
#[derive(Clone)]
pub(super) struct Outlet {
    allowed: Arc<Allowed>,
    budget: Arc<Budget>,
}

impl Outlet {
    pub(super) fn new(allowed: Arc<Allowed>, budget: Arc<Budget>) -> Self {
        Self { allowed, budget }
    }

    /// Publishes a message to a subject that the component may write to.
    pub(super) async fn publish(&self, message: Message) -> Result<(), Error> {
        self.check(&message, true)?;
        self.send(message).await
    }

    /// Publishes an answer to where a message wanted it: a guest that was given the message may answer it.
    pub(super) async fn reply(&self, message: Message) -> Result<(), Error> {
        self.check(&message, false)?;
        self.send(message).await
    }

    #[instrument(name = "messaging.publish", skip_all, fields(otel.kind = "producer", messaging.operation = "publish", messaging.label = self.granted().label))]
    async fn send(&self, message: Message) -> Result<(), Error> {
        let limits = &self.granted().limits;
        let _under_way = self.budget.enter(limits.messages_max)?;
        self.run("publish", limits.publish_time_max, self.granted().broker.publish(message)).await
    }

    /// Publishes a message and waits for up to `replies` replies.
    #[instrument(name = "messaging.request", skip_all, fields(otel.kind = "client", messaging.operation = "request", messaging.label = self.granted().label))]
    pub(super) async fn request(&self, message: Message, replies: Option<u32>, time: Option<Duration>) -> Result<Vec<Message>, Error> {
        self.check(&message, true)?;
        let limits = &self.granted().limits;
        let _under_way = self.budget.enter(limits.messages_max)?;
        let replies_max = replies.map_or(1, |replies| usize::try_from(replies).unwrap_or(usize::MAX).clamp(1, limits.replies_max));
        let time_max = time.unwrap_or(limits.request_time_usual).min(limits.request_time_max);
        let replies = Replies { replies_max, bytes_max: limits.body_bytes_max, time_max };
        // Until the message is with the broker, the time of a publication counts; then that of the request.
        let bound = time_max.saturating_add(limits.publish_time_max);
        self.run("request", bound, self.granted().broker.request(message, replies)).await
    }

    fn granted(&self) -> &Granted {
        &self.allowed.granted
    }

    fn check(&self, message: &Message, must_be_allowed: bool) -> Result<(), Error> {
        let limits = &self.granted().limits;
        subject::check(&message.subject, limits.subject_bytes_max)?;
        if let Some(reply_to) = &message.reply_to {
            subject::check(reply_to, limits.subject_bytes_max)?;
        }
        if must_be_allowed && !self.allowed.includes(&message.subject) {
            return Err(Error::AccessDenied);
        }
        let (bytes, bytes_max) = (message.body.len(), limits.body_bytes_max);
        if bytes > bytes_max {
            return Err(Error::TooLarge { bytes, bytes_max });
        }
        check_headers(&message.headers, limits.header_bytes_max)
    }

    /// Waits so long for an operation of the broker, counts it, and tells the operator of a failure that the guest gets only the kind of.
    async fn run<T>(&self, operation: &'static str, time_max: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let work = async { tokio::time::timeout(time_max, work).await.unwrap_or(Err(Error::Timeout)) };
        let result = self.budget.operations.measure(operation, work).await;
        if let Err(error @ (Error::Unavailable { internal } | Error::Refused { internal })) = &result {
            let granted = self.granted();
            tracing::warn!(label = granted.label, place = granted.place, cause = internal, "messaging failed: {error}");
        }
        result
    }
}

/// Headers are lines: a name without a colon, and nothing that ends a line.
fn check_headers(headers: &[(String, String)], bytes_max: usize) -> Result<(), Error> {
    let bytes = headers.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(4)).sum();
    if bytes > bytes_max {
        return Err(Error::TooLarge { bytes, bytes_max });
    }
    let is_line = |(name, value): &(String, String)| {
        let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_graphic() && letter != ':');
        is_name && !value.contains(char::is_control)
    };
    if headers.iter().all(is_line) {
        Ok(())
    } else {
        Err(Error::Unsupported("metadata has names without spaces and colons, and values of one line"))
    }
}
