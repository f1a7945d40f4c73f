//! Results as the server sends them, in the binary form of each type. What no interface has a value for stays as it came.

use postgres_protocol::types as wire;
use tokio_postgres::fallible_iterator::FallibleIterator as _;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::postgres::{Bound, Date, DateTime, Error, Interval, Range, Time, Value};

/// A column of a row, not looked at yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a>(pub(super) Option<&'a [u8]>);

type Failure = Box<dyn std::error::Error + Sync + Send>;

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Failure> {
        Ok(Self(None))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

/// Reads a column of type `kind`.
pub(super) fn decode(kind: &Type, raw: Raw<'_>) -> Result<Value, Error> {
    let Raw(Some(raw)) = raw else { return Ok(Value::Null) };
    match read(kind, raw) {
        Ok(value) => Ok(value.unwrap_or_else(|| Value::Other(raw.to_vec()))),
        Err(cause) => Err(Error::Conversion(format!("a value of type `{}` is not understood: {cause}", kind.name()))),
    }
}

/// `None` for a type, or a value of it, that no interface knows.
fn read(kind: &Type, raw: &[u8]) -> Result<Option<Value>, Failure> {
    if let Kind::Domain(inner) = kind.kind() {
        return read(inner, raw);
    }
    Ok(Some(match *kind {
        Type::BOOL => Value::Boolean(wire::bool_from_sql(raw)?),
        Type::CHAR => Value::Int8(wire::char_from_sql(raw)?),
        Type::INT2 => Value::Int16(wire::int2_from_sql(raw)?),
        Type::INT4 => Value::Int32(wire::int4_from_sql(raw)?),
        Type::INT8 => Value::Int64(wire::int8_from_sql(raw)?),
        Type::FLOAT4 => Value::Float32(wire::float4_from_sql(raw)?),
        Type::FLOAT8 => Value::Float64(wire::float8_from_sql(raw)?),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Value::Text(wire::text_from_sql(raw)?.to_owned()),
        Type::BYTEA => Value::Binary(raw.to_vec()),
        Type::DATE => return date(raw),
        Type::TIME => return Ok(Time::of_micros(wire::time_from_sql(raw)?).map(Value::Time)),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => return moment(raw),
        Type::UUID => Value::Uuid(uuid::Uuid::from_bytes(wire::uuid_from_sql(raw)?).to_string()),
        Type::JSONB => match raw.split_first() {
            // The first byte is the version of the form.
            Some((1, json)) => Value::Jsonb(json.to_vec()),
            _ => return Ok(None),
        },
        Type::NUMERIC => Value::Decimal(decimal(raw)?),
        Type::INT4_RANGE => return Ok(range(raw, wire::int4_from_sql)?.map(Value::RangeInt32)),
        Type::INT8_RANGE => return Ok(range(raw, wire::int8_from_sql)?.map(Value::RangeInt64)),
        Type::NUM_RANGE => return Ok(range(raw, decimal)?.map(Value::RangeDecimal)),
        Type::INT4_ARRAY => return Ok(array(raw, wire::int4_from_sql)?.map(Value::ArrayInt32)),
        Type::INT8_ARRAY => return Ok(array(raw, wire::int8_from_sql)?.map(Value::ArrayInt64)),
        Type::NUMERIC_ARRAY => return Ok(array(raw, decimal)?.map(Value::ArrayDecimal)),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => return Ok(array(raw, text)?.map(Value::ArrayText)),
        Type::INTERVAL => Value::Interval(interval(raw)?),
        _ => return Ok(None),
    }))
}

fn text(raw: &[u8]) -> Result<String, Failure> {
    Ok(wire::text_from_sql(raw)?.to_owned())
}

/// Days that never were or never will be have no date.
fn date(raw: &[u8]) -> Result<Option<Value>, Failure> {
    let days = wire::date_from_sql(raw)?;
    let is_infinite = matches!(days, i32::MIN | i32::MAX);
    Ok((!is_infinite).then(|| Date::of_days(days.into())).flatten().map(Value::Date))
}

fn moment(raw: &[u8]) -> Result<Option<Value>, Failure> {
    let micros = wire::timestamp_from_sql(raw)?;
    let is_infinite = matches!(micros, i64::MIN | i64::MAX);
    Ok((!is_infinite).then(|| DateTime::of_micros(micros)).flatten().map(Value::DateTime))
}

fn interval(raw: &[u8]) -> Result<Interval, Failure> {
    let mut raw = raw;
    let interval = Interval {
        micros: i64::from_be_bytes(take(&mut raw)?),
        days: i32::from_be_bytes(take(&mut raw)?),
        months: i32::from_be_bytes(take(&mut raw)?),
    };
    if raw.is_empty() { Ok(interval) } else { Err("it is too long".into()) }
}

/// A list of one dimension.
fn array<T>(raw: &[u8], read: impl Fn(&[u8]) -> Result<T, Failure>) -> Result<Option<Vec<Option<T>>>, Failure> {
    let array = wire::array_from_sql(raw)?;
    if array.dimensions().count()? > 1 {
        return Ok(None);
    }
    let mut items = Vec::new();
    let mut values = array.values();
    while let Some(item) = values.next()? {
        items.push(item.map(&read).transpose()?);
    }
    Ok(Some(items))
}

/// A range that holds something: none of the interfaces has one that is empty.
fn range<T>(raw: &[u8], read: impl Fn(&[u8]) -> Result<T, Failure>) -> Result<Option<Range<T>>, Failure> {
    let wire::Range::Nonempty(lower, upper) = wire::range_from_sql(raw)? else { return Ok(None) };
    let bound = |bound: wire::RangeBound<Option<&[u8]>>| {
        let (raw, is_inclusive) = match bound {
            wire::RangeBound::Inclusive(raw) => (raw, true),
            wire::RangeBound::Exclusive(raw) => (raw, false),
            wire::RangeBound::Unbounded => (None, false),
        };
        raw.map(|raw| read(raw).map(|value| Bound { value, is_inclusive })).transpose()
    };
    Ok(Some(Range { lower: bound(lower)?, upper: bound(upper)? }))
}

/// A number of any length: digits to the base of 10,000, of which the first counts 10,000 to the power of `weight`.
fn decimal(raw: &[u8]) -> Result<String, Failure> {
    const NEGATIVE: u16 = 0x4000;
    let mut raw = raw;
    let count = u16::from_be_bytes(take(&mut raw)?);
    let weight = i32::from(i16::from_be_bytes(take(&mut raw)?));
    let sign = u16::from_be_bytes(take(&mut raw)?);
    let scale = usize::from(u16::from_be_bytes(take(&mut raw)?));
    match sign {
        0 | NEGATIVE => {}
        0xc000 => return Ok("NaN".to_owned()),
        0xd000 => return Ok("Infinity".to_owned()),
        0xf000 => return Ok("-Infinity".to_owned()),
        _ => return Err("its sign is none".into()),
    }
    let mut digits = Vec::with_capacity(count.into());
    for _ in 0..count {
        digits.push(u16::from_be_bytes(take(&mut raw)?));
    }
    let digit = |power: i32| usize::try_from(weight - power).ok().and_then(|index| digits.get(index)).copied().unwrap_or(0);
    let mut text = String::new();
    if sign == NEGATIVE {
        text.push('-');
    }
    text.push_str(&digit(weight.max(0)).to_string());
    (0..weight.max(0)).rev().for_each(|power| text.push_str(&format!("{:04}", digit(power))));
    if scale > 0 {
        let places = i32::try_from(scale.div_ceil(4))?;
        let mut fraction: String = (1..=places).map(|place| format!("{:04}", digit(-place))).collect();
        fraction.truncate(scale);
        text.push('.');
        text.push_str(&fraction);
    }
    Ok(text)
}

/// The first bytes of `raw`, which then begins behind them.
fn take<const N: usize>(raw: &mut &[u8]) -> Result<[u8; N], Failure> {
    let (first, rest) = raw.split_first_chunk::<N>().ok_or("it is too short")?;
    *raw = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(parts: &[i16], expected: &str) {
        let raw: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
        assert_eq!(decimal(&raw).unwrap(), expected);
    }

    #[test]
    fn decimals_of_every_shape_are_read() {
        check(&[0, 0, 0, 0], "0");
        check(&[0, 0, 0, 2], "0.00");
        check(&[1, 0, 0, 0, 7], "7");
        check(&[1, 0, 0x4000, 0, 42], "-42");
        check(&[2, 0, 0, 2, 12, 3_400], "12.34");
        check(&[1, -1, 0, 4, 1], "0.0001");
        check(&[1, -2, 0, 5, 1_000], "0.00001");
        check(&[1, 2, 0, 0, 1], "100000000");
        check(&[3, 1, 0x4000, 3, 1, 2, 5_000], "-10002.500");
        check(&[0, 0, -0x4000, 0], "NaN");
    }

    #[test]
    fn hostile_bytes_are_errors() {
        for raw in [&b""[..], &[0], &[0, 9, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0x12, 0x34, 0, 0]] {
            assert!(decimal(raw).is_err(), "{raw:?}");
        }
        for kind in [Type::INT4, Type::DATE, Type::INTERVAL, Type::UUID, Type::INT4_RANGE, Type::INT4_ARRAY, Type::TIMESTAMP, Type::BOOL] {
            let error = decode(&kind, Raw(Some(&[1, 2, 3]))).unwrap_err();
            assert!(error.to_string().contains(kind.name()), "{error}");
        }
        assert_eq!(decode(&Type::JSONB, Raw(Some(&[9]))), Ok(Value::Other(vec![9])));
        assert!(matches!(decode(&Type::TEXT, Raw(Some(&[0xff]))), Err(Error::Conversion(_))));
    }
}
