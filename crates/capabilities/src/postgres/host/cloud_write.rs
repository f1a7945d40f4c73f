//! Parameters of wasmCloud's interface. Each names its type of PostgreSQL; most are sent as SQL writes them, which the server reads for the
//! type that the statement expects.

use std::fmt::Write as _;

use super::cloud::bindings::wasmcloud::postgres::types::{
    Date, HashableF64, Interval, Lexeme, LexemeWeight, MacAddressEui48, MacAddressEui64, Offset, PgValue, Point, Time, TimeTz, Timestamp,
    TimestampTz,
};
use crate::postgres::Value;
use crate::postgres::client::hexadecimal;

/// What `value` is as a parameter.
pub(super) fn write(value: PgValue) -> Value {
    match value {
        PgValue::Null => Value::Null,
        PgValue::BigInt(number) | PgValue::Int8(number) | PgValue::BigSerial(number) | PgValue::Serial8(number) => Value::Int64(number),
        PgValue::Bool(yes) | PgValue::Boolean(yes) => Value::Boolean(yes),
        PgValue::Double(number) | PgValue::Float8(number) => Value::Float64(float(number)),
        PgValue::Real(number) | PgValue::Float4(number) => Value::Float32(float(number) as f32),
        PgValue::Integer(number) | PgValue::Int(number) | PgValue::Int4(number) => Value::Int32(number),
        PgValue::SmallInt(number) | PgValue::Int2(number) | PgValue::SmallSerial(number) | PgValue::Serial2(number) => Value::Int16(number),
        PgValue::Serial(number) | PgValue::Serial4(number) => Value::Int64(number.into()),
        PgValue::Bytea(bytes) => Value::Binary(bytes),
        PgValue::Text(text) | PgValue::Name(text) | PgValue::Xml(text) => Value::Text(text),
        other => Value::Written(written(other)),
    }
}

/// A value as SQL writes it.
fn written(value: PgValue) -> String {
    match value {
        PgValue::Numeric(text) | PgValue::Decimal(text) | PgValue::Money(text) => text,
        PgValue::Cidr(text) | PgValue::Inet(text) | PgValue::Json(text) | PgValue::Jsonb(text) => text,
        PgValue::Uuid(text) | PgValue::TsQuery(text) => text,
        PgValue::Int2Vector(numbers) => spaced(&numbers),
        PgValue::Bit((count, bytes)) => bits(Some(count), &bytes),
        PgValue::BitVarying((count, bytes)) | PgValue::Varbit((count, bytes)) => bits(count, &bytes),
        PgValue::Char((_, bytes)) | PgValue::Varchar((_, bytes)) => characters(&bytes),
        PgValue::Macaddr(address) => eui48(&address),
        PgValue::Macaddr8(address) => eui64(&address),
        PgValue::Box((from, to)) => format!("{},{}", point(&from), point(&to)),
        PgValue::Circle((center, radius)) => format!("<{},{}>", point(&center), float(radius)),
        PgValue::Line((from, to)) | PgValue::Lseg((from, to)) => segment(&from, &to),
        PgValue::Path(points) | PgValue::Polygon(points) => outline(&points),
        PgValue::Point(place) => point(&place),
        PgValue::Date(day) => date(&day),
        PgValue::Interval(days) => between(&days),
        PgValue::Time(moment) => time(&moment),
        PgValue::TimeTz(moment) => time_tz(&moment),
        PgValue::Timestamp(moment) => timestamp(&moment),
        PgValue::TimestampTz(moment) => timestamp_tz(&moment),
        PgValue::PgLsn(number) => lsn(number),
        PgValue::PgSnapshot((xmin, xmax, running)) => format!("{xmin}:{xmax}:{}", joined(&running, ',')),
        PgValue::TxidSnapshot(number) => number.to_string(),
        PgValue::TsVector(lexemes) => lexemes.iter().map(lexeme).collect::<Vec<_>>().join(" "),
        PgValue::Hstore(pairs) => pairs.iter().map(pair).collect::<Vec<_>>().join(","),
        list => listed(list),
    }
}

/// A list as SQL writes it.
fn listed(value: PgValue) -> String {
    match value {
        PgValue::Int8Array(items) => list(&items, ToString::to_string),
        PgValue::BoolArray(items) => list(&items, ToString::to_string),
        PgValue::Float8Array(items) | PgValue::Float4Array(items) => list(&items, |item| float(*item).to_string()),
        PgValue::Int4Array(items) => list(&items, ToString::to_string),
        PgValue::Int2Array(items) => list(&items, ToString::to_string),
        PgValue::Int2VectorArray(items) => list(&items, |item| spaced(item)),
        PgValue::BitArray(items) => list(&items, |(count, bytes)| bits(Some(*count), bytes)),
        PgValue::VarbitArray(items) => list(&items, |(count, bytes)| bits(*count, bytes)),
        PgValue::ByteaArray(items) => list(&items, |item| hexadecimal(item)),
        PgValue::CharArray(items) => list(&items, |(_, bytes)| characters(bytes)),
        PgValue::VarcharArray(items) => list(&items, |(_, bytes)| characters(bytes)),
        PgValue::MacaddrArray(items) => list(&items, eui48),
        PgValue::Macaddr8Array(items) => list(&items, eui64),
        // The one type whose values hold the comma that parts others.
        PgValue::BoxArray(items) => {
            let items: Vec<_> = items.iter().map(|(from, to)| format!("{},{}", point(from), point(to))).collect();
            format!("{{{}}}", items.join(";"))
        }
        PgValue::CircleArray(items) => list(&items, |(center, radius)| format!("<{},{}>", point(center), float(*radius))),
        PgValue::LineArray(items) | PgValue::LsegArray(items) => list(&items, |(from, to)| segment(from, to)),
        PgValue::PathArray(items) | PgValue::PolygonArray(items) => list(&items, |item| outline(item)),
        PgValue::PointArray(items) => list(&items, point),
        PgValue::DateArray(items) => list(&items, date),
        PgValue::IntervalArray(items) => list(&items, between),
        PgValue::TimeArray(items) => list(&items, time),
        PgValue::TimeTzArray(items) => list(&items, time_tz),
        PgValue::TimestampArray(items) => list(&items, timestamp),
        PgValue::TimestampTzArray(items) => list(&items, timestamp_tz),
        PgValue::PgLsnArray(items) => list(&items, |item| lsn(*item)),
        PgValue::NumericArray(items) | PgValue::MoneyArray(items) | PgValue::TextArray(items) | PgValue::NameArray(items) => texts(&items),
        PgValue::CidrArray(items) | PgValue::InetArray(items) | PgValue::JsonArray(items) | PgValue::JsonbArray(items) => texts(&items),
        PgValue::XmlArray(items) | PgValue::UuidArray(items) => texts(&items),
        // What is no list was written above.
        _ => String::new(),
    }
}

fn texts(items: &[String]) -> String {
    list(items, Clone::clone)
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    let quoted = |item| format!("\"{}\"", escaped(&show(item)));
    format!("{{{}}}", items.iter().map(quoted).collect::<Vec<_>>().join(","))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn joined<T: ToString>(items: &[T], between: char) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(&between.to_string())
}

fn spaced(numbers: &[i16]) -> String {
    joined(numbers, ' ')
}

/// A number by its significand, its power of two and its sign.
pub(super) fn float((significand, exponent, sign): HashableF64) -> f64 {
    const INFINITY: u64 = 1 << 52;
    const HIGHEST: i16 = 972;
    if exponent >= HIGHEST && significand > INFINITY {
        return f64::NAN;
    }
    // In two steps, since the power alone may be smaller than any number.
    let (half, exponent) = (i32::from(exponent) / 2, i32::from(exponent));
    let size = significand as f64 * 2_f64.powi(half) * 2_f64.powi(exponent - half);
    if sign < 0 { -size } else { size }
}

/// The bits of `bytes`, the highest first.
fn bits(count: Option<u32>, bytes: &[u8]) -> String {
    let all = bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| if byte >> place & 1 == 1 { '1' } else { '0' }));
    let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    all.take(count).collect()
}

fn characters(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn eui48(MacAddressEui48 { bytes: (a, b, c, d, e, f) }: &MacAddressEui48) -> String {
    coloned(&[*a, *b, *c, *d, *e, *f])
}

fn eui64(MacAddressEui64 { bytes: (a, b, c, d, e, f, g, h) }: &MacAddressEui64) -> String {
    coloned(&[*a, *b, *c, *d, *e, *f, *g, *h])
}

fn coloned(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn point((x, y): &Point) -> String {
    format!("({},{})", float(*x), float(*y))
}

fn segment(from: &Point, to: &Point) -> String {
    format!("[{},{}]", point(from), point(to))
}

fn outline(points: &[Point]) -> String {
    format!("({})", points.iter().map(point).collect::<Vec<_>>().join(","))
}

fn date(day: &Date) -> String {
    match day {
        Date::PositiveInfinity => "infinity".to_owned(),
        Date::NegativeInfinity => "-infinity".to_owned(),
        Date::Ymd((year, month, day)) if *year > 0 => format!("{year:04}-{month:02}-{day:02}"),
        // There is no year 0 in SQL: the one before 1 is 1 BC.
        Date::Ymd((year, month, day)) => format!("{:04}-{month:02}-{day:02} BC", 1 - i64::from(*year)),
    }
}

fn between(days: &Interval) -> String {
    let (opening, closing) = (if days.start_inclusive { '[' } else { '(' }, if days.end_inclusive { ']' } else { ')' });
    format!("{opening}{},{}{closing}", date(&days.start), date(&days.end))
}

fn time(Time { hour, min, sec, micro }: &Time) -> String {
    format!("{hour:02}:{min:02}:{sec:02}.{micro:06}")
}

fn time_tz(moment: &TimeTz) -> String {
    format!("{} {}", time(&moment.time), moment.timesonze)
}

fn timestamp(moment: &Timestamp) -> String {
    with_time(&moment.date, &format!(" {}", time(&moment.time)))
}

fn timestamp_tz(moment: &TimestampTz) -> String {
    let (sign, seconds) = match moment.offset {
        Offset::EasternHemisphereSecs(seconds) => ('+', seconds),
        Offset::WesternHemisphereSecs(seconds) => ('-', seconds),
    };
    let zone = format!("{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    with_time(&moment.timestamp.date, &format!(" {}{zone}", time(&moment.timestamp.time)))
}

/// The time stands before the era. A day that never comes has no time.
fn with_time(day: &Date, time: &str) -> String {
    match (day, date(day).strip_suffix(" BC")) {
        (Date::PositiveInfinity | Date::NegativeInfinity, _) => date(day),
        (_, Some(shown)) => format!("{shown}{time} BC"),
        (_, None) => format!("{}{time}", date(day)),
    }
}

fn lsn(number: u64) -> String {
    format!("{:X}/{:X}", number >> 32, number & 0xffff_ffff)
}

fn lexeme(lexeme: &Lexeme) -> String {
    let mut text = format!("'{}'", lexeme.data.replace('\\', "\\\\").replace('\'', "''"));
    if let Some(position) = lexeme.position {
        let weight = match lexeme.weight {
            Some(LexemeWeight::A) => "A",
            Some(LexemeWeight::B) => "B",
            Some(LexemeWeight::C) => "C",
            Some(LexemeWeight::D) | None => "",
        };
        // Writing to a string does not fail.
        let _ = write!(text, ":{position}{weight}");
    }
    text
}

fn pair((key, value): &(String, Option<String>)) -> String {
    let value = value.as_ref().map_or_else(|| "NULL".to_owned(), |value| format!("\"{}\"", escaped(value)));
    format!("\"{}\"=>{value}", escaped(key))
}
