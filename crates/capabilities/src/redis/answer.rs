//! What the server answers, as guests see it.

use std::io;
use std::sync::Arc;

use ::redis::{FromRedisValue, RedisError, Value};

use super::{Error, Limits};

/// A parameter of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parameter {
    Int64(i64),
    Binary(Vec<u8>),
}

/// One part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Nil,
    Status(String),
    Int64(i64),
    Binary(Vec<u8>),
}

/// All parts of `value`, those of lists in it one after the other, as Spin gives them. What only the newer protocol tells apart becomes
/// what the older one says instead.
pub(super) fn parts(value: Value) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    collect(value, &mut parts)?;
    Ok(parts)
}

fn collect(value: Value, parts: &mut Vec<Part>) -> Result<(), Error> {
    let part = match value {
        Value::Nil => Part::Nil,
        Value::Int(number) => Part::Int64(number),
        Value::Boolean(is_true) => Part::Int64(is_true.into()),
        Value::Okay => Part::Status("OK".to_owned()),
        Value::SimpleString(text) => Part::Status(text),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => Part::Binary(bytes),
        Value::VerbatimString { text, .. } => Part::Binary(text.into_bytes()),
        Value::Double(number) => Part::Binary(number.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            return values.into_iter().try_for_each(|value| collect(value, parts));
        }
        Value::Map(pairs) => {
            return pairs.into_iter().flat_map(|(key, value)| [key, value]).try_for_each(|value| collect(value, parts));
        }
        Value::Attribute { data, .. } => return collect(*data, parts),
        Value::ServerError(error) => return Err(of_error(&error.into(), &Limits::default())),
        // The protocol may grow.
        _ => return Err(Error::Type),
    };
    parts.push(part);
    Ok(())
}

/// `value` as the type that a function answers.
pub(super) fn read<T: FromRedisValue>(value: Value) -> Result<T, Error> {
    ::redis::from_redis_value(value).map_err(|_| Error::Type)
}

/// The error that a guest sees: of the server's it sees all, for it knows the server; of the network's only the kind.
pub(super) fn of_error(error: &RedisError, limits: &Limits) -> Error {
    // The client shares its sources, so there is one more step to the error of the stream.
    let shared = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>());
    let io = shared.and_then(|shared| shared.downcast_ref::<io::Error>());
    if io.is_some_and(|error| error.kind() == io::ErrorKind::FileTooLarge) {
        return Error::AnswerTooLarge { bytes_max: limits.answer_bytes_max, elements_max: limits.answer_elements_max };
    }
    match (error.code(), error.detail()) {
        (Some("WRONGTYPE"), _) => Error::Type,
        (Some(code), detail) if !error.is_io_error() => Error::Server([code, detail.unwrap_or_default()].join(" ").trim().to_owned()),
        _ => Error::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_say_the_same() {
        let text = |text: &str| Value::BulkString(text.into());
        let binary = |text: &str| Part::Binary(text.into());
        let old = Value::Array(vec![text("a"), text("1.5"), Value::Array(vec![Value::Int(1), Value::Nil]), Value::Okay]);
        let new = Value::Array(vec![
            Value::Map(vec![(text("a"), Value::Double(1.5))]),
            Value::Set(vec![Value::Boolean(true), Value::Nil]),
            Value::SimpleString("OK".to_owned()),
        ]);
        let expected = vec![binary("a"), binary("1.5"), Part::Int64(1), Part::Nil, Part::Status("OK".to_owned())];
        assert_eq!(parts(old), Ok(expected.clone()));
        assert_eq!(parts(new), Ok(expected));
    }
}
