//! Results for wasmCloud's interface, by the type of their column. A type that it knows and that is not read here is told in an error, which
//! says to select it as text.

use postgres_protocol::types as wire;
use tokio_postgres::types::Type;

use super::cloud::bindings::wasmcloud::postgres::types::{
    Date as Day, HashableF64, Interval, MacAddressEui48, Offset, PgValue, Point, Time as Clock, Timestamp, TimestampTz,
};
use crate::postgres::{Bound, Column, Date, DateTime, Error, Time, Value};

/// `value` of `column` as the guest is told it.
pub(super) fn read(value: Value, column: &Column) -> Result<PgValue, Error> {
    let unknown = || {
        let (name, kind) = (&column.name, column.kind.name());
        Error::Conversion(format!("column `{name}` of type `{kind}` has no form here; select it as text with `::text`"))
    };
    Ok(match value {
        Value::Null => PgValue::Null,
        Value::Boolean(yes) => PgValue::Bool(yes),
        Value::Int8(number) => PgValue::Char((1, number.to_be_bytes().to_vec())),
        Value::Int16(number) => PgValue::Int2(number),
        Value::Int32(number) => PgValue::Int4(number),
        Value::Int64(number) => PgValue::Int8(number),
        Value::Float32(number) => PgValue::Float4(parts_of_f32(number)),
        Value::Float64(number) => PgValue::Float8(parts(number)),
        Value::Text(text) => match column.kind {
            Type::VARCHAR => PgValue::Varchar((None, text.into_bytes())),
            Type::BPCHAR => PgValue::Char((u32::try_from(text.chars().count()).unwrap_or(u32::MAX), text.into_bytes())),
            Type::NAME => PgValue::Name(text),
            _ => PgValue::Text(text),
        },
        Value::Binary(bytes) => PgValue::Bytea(bytes),
        Value::Date(date) => PgValue::Date(day(date)),
        Value::Time(time) => PgValue::Time(clock(time)),
        Value::DateTime(moment) if column.kind == Type::TIMESTAMPTZ => {
            PgValue::TimestampTz(TimestampTz { timestamp: timestamp(moment), offset: Offset::EasternHemisphereSecs(0) })
        }
        Value::DateTime(moment) => PgValue::Timestamp(timestamp(moment)),
        Value::Uuid(text) => PgValue::Uuid(text),
        Value::Jsonb(json) => PgValue::Jsonb(String::from_utf8(json).map_err(|_| unknown())?),
        Value::Decimal(text) => PgValue::Numeric(text),
        Value::ArrayInt32(items) => PgValue::Int4Array(all(items).ok_or_else(unknown)?),
        Value::ArrayInt64(items) => PgValue::Int8Array(all(items).ok_or_else(unknown)?),
        Value::ArrayDecimal(items) => PgValue::NumericArray(all(items).ok_or_else(unknown)?),
        Value::ArrayText(items) if column.kind == Type::VARCHAR_ARRAY => {
            let items = all(items).ok_or_else(unknown)?;
            PgValue::VarcharArray(items.into_iter().map(|text| (None, text.into_bytes())).collect())
        }
        Value::ArrayText(items) => PgValue::TextArray(all(items).ok_or_else(unknown)?),
        Value::Other(raw) => other(&column.kind, &raw).ok_or_else(unknown)?,
        Value::Timestamp(_) | Value::Written(_) | Value::Interval(_) => return Err(unknown()),
        Value::RangeInt32(_) | Value::RangeInt64(_) | Value::RangeDecimal(_) => return Err(unknown()),
    })
}

/// The types that only this interface knows.
fn other(kind: &Type, raw: &[u8]) -> Option<PgValue> {
    let text = |raw: &[u8]| wire::text_from_sql(raw).ok().map(str::to_owned);
    Some(match *kind {
        Type::JSON => PgValue::Json(text(raw)?),
        Type::XML => PgValue::Xml(text(raw)?),
        Type::INET | Type::CIDR => {
            let address = wire::inet_from_sql(raw).ok()?;
            let shown = format!("{}/{}", address.addr(), address.netmask());
            if *kind == Type::CIDR { PgValue::Cidr(shown) } else { PgValue::Inet(shown) }
        }
        Type::MACADDR => {
            let [a, b, c, d, e, f] = wire::macaddr_from_sql(raw).ok()?;
            PgValue::Macaddr(MacAddressEui48 { bytes: (a, b, c, d, e, f) })
        }
        Type::BIT | Type::VARBIT => {
            let bits = wire::varbit_from_sql(raw).ok()?;
            let (count, bytes) = (u32::try_from(bits.len()).ok()?, bits.bytes().to_vec());
            if *kind == Type::BIT { PgValue::Bit((count, bytes)) } else { PgValue::Varbit((Some(count), bytes)) }
        }
        Type::POINT => PgValue::Point(point(raw)?),
        Type::BOX => {
            let corners = wire::box_from_sql(raw).ok()?;
            PgValue::Box((place(&corners.lower_left()), place(&corners.upper_right())))
        }
        Type::DATE => PgValue::Date(match wire::date_from_sql(raw).ok()? {
            i32::MAX => Day::PositiveInfinity,
            i32::MIN => Day::NegativeInfinity,
            _ => return None,
        }),
        Type::DATE_RANGE => days(raw)?,
        Type::PG_LSN => PgValue::PgLsn(wire::lsn_from_sql(raw).ok()?),
        Type::BOOL_ARRAY => PgValue::BoolArray(array(raw, |raw| wire::bool_from_sql(raw).ok())?),
        Type::INT2_ARRAY => PgValue::Int2Array(array(raw, |raw| wire::int2_from_sql(raw).ok())?),
        Type::FLOAT4_ARRAY => PgValue::Float4Array(array(raw, |raw| wire::float4_from_sql(raw).ok().map(parts_of_f32))?),
        Type::FLOAT8_ARRAY => PgValue::Float8Array(array(raw, |raw| wire::float8_from_sql(raw).ok().map(parts))?),
        Type::BYTEA_ARRAY => PgValue::ByteaArray(array(raw, |raw| Some(raw.to_vec()))?),
        Type::JSON_ARRAY => PgValue::JsonArray(array(raw, text)?),
        Type::NAME_ARRAY => PgValue::NameArray(array(raw, text)?),
        Type::UUID_ARRAY => PgValue::UuidArray(array(raw, |raw| Some(uuid::Uuid::from_bytes(wire::uuid_from_sql(raw).ok()?).to_string()))?),
        Type::POINT_ARRAY => PgValue::PointArray(array(raw, point)?),
        Type::DATE_ARRAY => PgValue::DateArray(array(raw, |raw| Date::of_days(wire::date_from_sql(raw).ok()?.into()).map(day))?),
        _ if kind.name() == "hstore" => hstore(raw)?,
        _ => return None,
    })
}

fn point(raw: &[u8]) -> Option<Point> {
    Some(place(&wire::point_from_sql(raw).ok()?))
}

fn place(point: &wire::Point) -> Point {
    (parts(point.x()), parts(point.y()))
}

/// Lists of this interface hold no nothing.
fn all<T>(items: Vec<Option<T>>) -> Option<Vec<T>> {
    items.into_iter().collect()
}

fn array<T>(raw: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    use tokio_postgres::fallible_iterator::FallibleIterator as _;
    let array = wire::array_from_sql(raw).ok()?;
    if array.dimensions().count().ok()? > 1 {
        return None;
    }
    let (mut items, mut values) = (Vec::new(), array.values());
    while let Some(item) = values.next().ok()? {
        items.push(read(item?)?);
    }
    Some(items)
}

fn hstore(raw: &[u8]) -> Option<PgValue> {
    use tokio_postgres::fallible_iterator::FallibleIterator as _;
    let pairs = wire::hstore_from_sql(raw).ok()?;
    let pairs: Vec<_> = pairs.map(|(key, value)| Ok((key.to_owned(), value.map(str::to_owned)))).collect().ok()?;
    Some(PgValue::Hstore(pairs))
}

/// From one day to another, which this interface calls an interval.
fn days(raw: &[u8]) -> Option<PgValue> {
    let wire::Range::Nonempty(lower, upper) = wire::range_from_sql(raw).ok()? else { return None };
    let bound = |bound: wire::RangeBound<Option<&[u8]>>, without_end: Day| {
        let (raw, is_inclusive) = match bound {
            wire::RangeBound::Inclusive(raw) => (raw, true),
            wire::RangeBound::Exclusive(raw) => (raw, false),
            wire::RangeBound::Unbounded => (None, false),
        };
        let Some(raw) = raw else { return Some(Bound { value: without_end, is_inclusive: false }) };
        let value = day(Date::of_days(wire::date_from_sql(raw).ok()?.into())?);
        Some(Bound { value, is_inclusive })
    };
    let (start, end) = (bound(lower, Day::NegativeInfinity)?, bound(upper, Day::PositiveInfinity)?);
    let (start_inclusive, end_inclusive) = (start.is_inclusive, end.is_inclusive);
    Some(PgValue::Interval(Interval { start: start.value, start_inclusive, end: end.value, end_inclusive }))
}

fn day(Date { year, month, day }: Date) -> Day {
    Day::Ymd((year, month.into(), day.into()))
}

fn clock(Time { hour, minute, second, nanosecond }: Time) -> Clock {
    Clock { hour: hour.into(), min: minute.into(), sec: second.into(), micro: nanosecond / 1_000 }
}

fn timestamp(DateTime { date, time }: DateTime) -> Timestamp {
    Timestamp { date: day(date), time: clock(time) }
}

/// The significand, the power of two and the sign of a number.
fn parts(number: f64) -> HashableF64 {
    const SIGNIFICAND_BITS: u32 = 52;
    let bits = number.to_bits();
    let fraction = bits & ((1 << SIGNIFICAND_BITS) - 1);
    let power = i16::try_from((bits >> SIGNIFICAND_BITS) & 0x7ff).unwrap_or_default();
    let significand = if power == 0 { fraction << 1 } else { fraction | (1 << SIGNIFICAND_BITS) };
    (significand, power - 1_075, if number.is_sign_negative() { -1 } else { 1 })
}

fn parts_of_f32(number: f32) -> HashableF64 {
    const SIGNIFICAND_BITS: u32 = 23;
    let bits = number.to_bits();
    let fraction = bits & ((1 << SIGNIFICAND_BITS) - 1);
    let power = i16::try_from((bits >> SIGNIFICAND_BITS) & 0xff).unwrap_or_default();
    let significand = if power == 0 { fraction << 1 } else { fraction | (1 << SIGNIFICAND_BITS) };
    (significand.into(), power - 150, if number.is_sign_negative() { -1 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::super::cloud_write::float;
    use super::*;

    #[test]
    fn numbers_come_back_from_their_parts() {
        for number in [0.0, -0.0, 1.0, -2.5, 1e300, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(float(parts(number)).to_bits(), number.to_bits(), "{number}");
        }
        assert!(float(parts(f64::NAN)).is_nan());
        for number in [0.1_f32, -3.25, f32::MAX, f32::MIN_POSITIVE] {
            assert_eq!(float(parts_of_f32(number)) as f32, number);
        }
    }
}
