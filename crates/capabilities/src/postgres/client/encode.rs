//! Parameters as the server wants them: in the binary form of the type that the statement expects where the value is of that type, as SQL
//! writes it otherwise. So a small number fits a large column and a text fits an enumeration, and the server judges the rest.

use std::error::Error as StdError;
use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

use crate::postgres::{Bound, Date, DateTime, Error, Interval, Range, Time, Value};

/// A parameter, ready to be sent.
#[derive(Debug)]
pub(super) struct Encoded {
    bytes: Option<Vec<u8>>,
    is_text: bool,
}

/// Encodes `value` for a parameter of type `kind`; `number` counts from 1, as SQL does.
pub(super) fn encode(value: Value, kind: &Type, number: usize) -> Result<Encoded, Error> {
    let binary = |bytes: Vec<u8>| Ok(Encoded { bytes: Some(bytes), is_text: false });
    match value {
        Value::Null => return Ok(Encoded { bytes: None, is_text: false }),
        Value::Boolean(yes) if *kind == Type::BOOL => return binary(vec![u8::from(yes)]),
        Value::Int8(number) if *kind == Type::CHAR => return binary(number.to_be_bytes().to_vec()),
        Value::Int16(number) if *kind == Type::INT2 => return binary(number.to_be_bytes().to_vec()),
        Value::Int32(number) if *kind == Type::INT4 => return binary(number.to_be_bytes().to_vec()),
        Value::Int64(number) if *kind == Type::INT8 => return binary(number.to_be_bytes().to_vec()),
        Value::Float32(number) if *kind == Type::FLOAT4 => return binary(number.to_be_bytes().to_vec()),
        Value::Float64(number) if *kind == Type::FLOAT8 => return binary(number.to_be_bytes().to_vec()),
        Value::Binary(bytes) if *kind == Type::BYTEA => return binary(bytes),
        Value::Interval(Interval { micros, days, months }) if *kind == Type::INTERVAL => {
            return binary([micros.to_be_bytes().as_slice(), &days.to_be_bytes(), &months.to_be_bytes()].concat());
        }
        _ => {}
    }
    let text = written(value)
        .ok_or_else(|| Error::Parameter(format!("parameter {number} has no form as `{}`; send a value of another type", kind.name())))?;
    Ok(Encoded { bytes: Some(text.into_bytes()), is_text: true })
}

/// A value as SQL writes it.
fn written(value: Value) -> Option<String> {
    Some(match value {
        Value::Null | Value::Other(_) => return None,
        Value::Boolean(yes) => yes.to_string(),
        Value::Int8(number) => number.to_string(),
        Value::Int16(number) => number.to_string(),
        Value::Int32(number) => number.to_string(),
        Value::Int64(number) => number.to_string(),
        Value::Float32(number) => number.to_string(),
        Value::Float64(number) => number.to_string(),
        Value::Text(text) | Value::Uuid(text) | Value::Decimal(text) | Value::Written(text) => text,
        // JSON, for which some interfaces have no type of its own; what is no text the server would not take either.
        Value::Binary(bytes) | Value::Jsonb(bytes) => String::from_utf8(bytes).ok()?,
        Value::Date(date) => moment(date, None),
        Value::Time(time) => clock(time),
        Value::DateTime(DateTime { date, time }) => moment(date, Some(time)),
        Value::Timestamp(seconds) => {
            let DateTime { date, time } = DateTime::of_timestamp(seconds)?;
            moment(date, Some(time))
        }
        Value::RangeInt32(range) => between(range, |number| number.to_string()),
        Value::RangeInt64(range) => between(range, |number| number.to_string()),
        Value::RangeDecimal(range) => between(range, |number| quoted(&number)),
        Value::ArrayInt32(items) => listed(items, |number| number.to_string()),
        Value::ArrayInt64(items) => listed(items, |number| number.to_string()),
        Value::ArrayDecimal(items) | Value::ArrayText(items) => listed(items, |text| quoted(&text)),
        Value::Interval(Interval { micros, days, months }) => format!("{months} mons {days} days {micros} microseconds"),
    })
}

/// Moments are in UTC, whatever the session's time zone is; a type without a zone ignores it.
fn moment(date: Date, time: Option<Time>) -> String {
    let Date { year, month, day } = date;
    // There is no year 0 in SQL: the one before 1 is 1 BC.
    let (shown, era) = if year > 0 { (i64::from(year), "") } else { (1 - i64::from(year), " BC") };
    let time = time.map(|time| format!(" {}+00", clock(time))).unwrap_or_default();
    format!("{shown:04}-{month:02}-{day:02}{time}{era}")
}

fn clock(Time { hour, minute, second, nanosecond }: Time) -> String {
    format!("{hour:02}:{minute:02}:{second:02}.{nanosecond:09}")
}

fn between<T>(range: Range<T>, show: impl Fn(T) -> String) -> String {
    let is_inclusive = |bound: &Option<Bound<T>>| bound.as_ref().is_some_and(|bound| bound.is_inclusive);
    let (opening, closing) = (if is_inclusive(&range.lower) { '[' } else { '(' }, if is_inclusive(&range.upper) { ']' } else { ')' });
    let show = |bound: Option<Bound<T>>| bound.map(|bound| show(bound.value)).unwrap_or_default();
    format!("{opening}{},{}{closing}", show(range.lower), show(range.upper))
}

fn listed<T>(items: Vec<Option<T>>, show: impl Fn(T) -> String) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.map_or_else(|| "NULL".to_owned(), &show)).collect();
    format!("{{{}}}", items.join(","))
}

/// A text that stands for itself inside a list or range.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

/// Bytes in hexadecimal, as SQL writes `bytea`.
pub(in crate::postgres) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl ToSql for Encoded {
    fn to_sql(&self, _kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let Some(bytes) = &self.bytes else { return Ok(IsNull::Yes) };
        out.put_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }

    fn encode_format(&self, _kind: &Type) -> Format {
        if self.is_text { Format::Text } else { Format::Binary }
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_sql_reads_them() {
        let date = |year| Date { year, month: 3, day: 5 };
        let time = Time { hour: 1, minute: 2, second: 3, nanosecond: 4_000 };
        let bound = |value, is_inclusive| Some(Bound { value, is_inclusive });
        for (value, expected) in [
            (Value::Float64(f64::NAN), "NaN"),
            (Value::Date(date(1)), "0001-03-05"),
            (Value::Date(date(0)), "0001-03-05 BC"),
            (Value::Date(date(12_345)), "12345-03-05"),
            (Value::DateTime(DateTime { date: date(-43), time }), "0044-03-05 01:02:03.000004000+00 BC"),
            (Value::Timestamp(0), "1970-01-01 00:00:00.000000000+00"),
            (Value::RangeInt32(Range { lower: bound(1, true), upper: bound(5, false) }), "[1,5)"),
            (Value::RangeInt32(Range { lower: None, upper: None }), "(,)"),
            (Value::RangeDecimal(Range { lower: Some(Bound { value: "1.5".to_owned(), is_inclusive: false }), upper: None }), "(\"1.5\",)"),
            (Value::ArrayInt64(vec![Some(-1), None]), "{-1,NULL}"),
            (Value::ArrayText(vec![Some("a\"b\\c,}".to_owned()), Some("NULL".to_owned()), None]), "{\"a\\\"b\\\\c,}\",\"NULL\",NULL}"),
        ] {
            assert_eq!(written(value.clone()).as_deref(), Some(expected), "{value:?}");
        }
        assert_eq!(written(Value::Timestamp(i64::MAX)), None);
    }

    #[test]
    fn what_has_no_form_is_named() {
        let error = encode(Value::Binary(vec![255]), &Type::INT4, 2).unwrap_err();
        assert_eq!(error.to_string(), "parameter 2 has no form as `int4`; send a value of another type");
    }
}
