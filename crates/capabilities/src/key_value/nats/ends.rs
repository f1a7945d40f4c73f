//! Values that end by themselves, in buckets whose servers know of it (2.11 and newer): how a message says when, and how long one has left.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MARKER_REASON, NATS_MESSAGE_TTL};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use coracle_base::clock;

use super::{Found, failure};
use crate::key_value::{Error, Swap};

/// The header that marks what is no value but the trace of one that was deleted.
const OPERATION: &str = "KV-Operation";

/// The whole seconds that `lifetime` is at most, which is what servers count in.
pub(super) fn seconds(lifetime: Duration) -> u64 {
    (lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0)).max(1)
}

/// Writes `value` under `name` for `seconds`, if the name still has `revision` where one is asked for.
pub(super) async fn write(
    (context, bucket): (&Context, &Store),
    name: &str,
    value: Vec<u8>,
    revision: Option<u64>,
    seconds: u64,
) -> Result<Swap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_TTL, seconds.to_string());
    if let Some(revision) = revision {
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.to_string());
    }
    let subject = [bucket.put_prefix.as_deref().unwrap_or(&bucket.prefix), name].concat();
    let sent = context.publish_with_headers(subject, headers, value.into()).await.map_err(|error| failure(&error))?;
    match sent.await {
        Ok(_) => Ok(Swap::Done),
        Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(Swap::Stale),
        Err(error) => Err(failure(&error)),
    }
}

/// What stands in `bucket` under `name`, and how many seconds it has left if it ends.
pub(super) async fn find(bucket: &Store, name: &str) -> Result<(Found, Option<u64>), Error> {
    let subject = [bucket.prefix.as_str(), name].concat();
    let message = match bucket.stream.get_last_raw_message_by_subject(&subject).await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok((Found { revision: 0, value: None }, None)),
        Err(error) => return Err(failure(&error)),
    };
    let is_value = message.headers.get(OPERATION).is_none() && message.headers.get(NATS_MARKER_REASON).is_none();
    let lifetime = message.headers.get(NATS_MESSAGE_TTL).and_then(|text| lifetime(text.as_str()));
    let written_s = u64::try_from(message.time.unix_timestamp()).unwrap_or_default();
    let left = lifetime.map(|lifetime| written_s.saturating_add(seconds(lifetime)).saturating_sub(clock::unix_ms() / 1_000).max(1));
    Ok((Found { revision: message.sequence, value: is_value.then(|| message.payload.to_vec()) }, left))
}

/// What the header says: seconds, or a time as Go writes it, such as `1m30s`. `never` is none.
fn lifetime(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (mut lifetime, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let (number, others) = rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?);
        let (unit, others) = others.split_at(others.find(|letter: char| letter.is_ascii_digit()).unwrap_or(others.len()));
        let unit_s = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        lifetime = lifetime.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit_s).ok()?)?;
        rest = others;
    }
    (!text.is_empty()).then_some(lifetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_and_never_less_than_asked() {
        for (ms, expected) in [(1, 1), (1_000, 1), (1_001, 2), (90_000, 90)] {
            assert_eq!(seconds(Duration::from_millis(ms)), expected, "{ms}");
        }
    }

    #[test]
    fn times_of_other_clients_are_understood() {
        for (text, expected_ms) in [
            ("5", Some(5_000)),
            ("1m30s", Some(90_000)),
            ("1h0m0s", Some(3_600_000)),
            ("1.5s", Some(1_500)),
            ("500ms", Some(500)),
            ("never", None),
            ("", None),
            ("5x", None),
            ("-5s", None),
            ("99999999999999999999999h", None),
        ] {
            assert_eq!(lifetime(text), expected_ms.map(Duration::from_millis), "{text}");
        }
    }
}
