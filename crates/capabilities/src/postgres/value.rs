//! Values of columns and parameters, as all interfaces know them.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// One byte with a sign, PostgreSQL's `"char"`.
    Int8(i8),
    /// A number of two bytes.
    Int16(i16),
    /// A number of four bytes.
    Int32(i32),
    /// A number of eight bytes.
    Int64(i64),
    /// A number with a fraction, of four bytes.
    Float32(f32),
    /// A number with a fraction, of eight bytes.
    Float64(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A day.
    Date(Date),
    /// A time of the day.
    Time(Time),
    /// A day and a time, in UTC.
    DateTime(DateTime),
    /// Seconds since 1970; only as a parameter.
    Timestamp(i64),
    /// A UUID in its usual spelling.
    Uuid(String),
    /// JSON that was stored as `jsonb`.
    Jsonb(Vec<u8>),
    /// A number of any length.
    Decimal(String),
    /// From one number to another.
    RangeInt32(Range<i32>),
    /// From one number to another.
    RangeInt64(Range<i64>),
    /// From one number to another.
    RangeDecimal(Range<String>),
    /// A list of numbers.
    ArrayInt32(Vec<Option<i32>>),
    /// A list of numbers.
    ArrayInt64(Vec<Option<i64>>),
    /// A list of numbers.
    ArrayDecimal(Vec<Option<String>>),
    /// A list of texts.
    ArrayText(Vec<Option<String>>),
    /// A span of time.
    Interval(Interval),
    /// A value of any type as it is written in SQL; only as a parameter.
    Written(String),
    /// A value of another type, as the server sent it; only in a result.
    Other(Vec<u8>),
}

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// The year, where 0 is the one before 1.
    pub year: i32,
    /// The month, from 1.
    pub month: u8,
    /// The day, from 1.
    pub day: u8,
}

/// A time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The hour.
    pub hour: u8,
    /// The minute.
    pub minute: u8,
    /// The second.
    pub second: u8,
    /// Its fraction.
    pub nanosecond: u32,
}

/// A day and a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The day.
    pub date: Date,
    /// The time.
    pub time: Time,
}

/// A span of time, whose parts do not add up: months and days differ in length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Microseconds.
    pub micros: i64,
    /// Days.
    pub days: i32,
    /// Months.
    pub months: i32,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound<T> {
    /// Where it is.
    pub value: T,
    /// Whether it belongs to the range.
    pub is_inclusive: bool,
}

/// From one end to the other; `None` goes on for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range<T> {
    /// The lower end.
    pub lower: Option<Bound<T>>,
    /// The upper end.
    pub upper: Option<Bound<T>>,
}

/// Days from the first one of the year 2000 to 1970 and to the first one of the year 0 in March, from which leap years are regular.
const DAYS_TO_MARCH_0: i64 = 730_425;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;

const MICROS_OF_SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(super) const MICROS_OF_DAY: i64 = 86_400 * MICROS_OF_SECOND;
/// Seconds from 1970 to 2000.
const EPOCH_SECONDS: i64 = 946_684_800;

impl Date {
    /// The day that is `days` after the first one of the year 2000.
    pub(super) fn of_days(days: i64) -> Option<Self> {
        let days = days.checked_add(DAYS_TO_MARCH_0)?;
        let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Some(Self { year: i32::try_from(year).ok()?, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? })
    }
}

impl Time {
    /// The time that is `micros` after midnight; 24:00 is one, as it is for PostgreSQL.
    pub(super) fn of_micros(micros: i64) -> Option<Self> {
        let seconds = micros.div_euclid(MICROS_OF_SECOND);
        Some(Self {
            hour: u8::try_from(seconds / 3_600).ok()?,
            minute: u8::try_from(seconds / 60 % 60).ok()?,
            second: u8::try_from(seconds % 60).ok()?,
            nanosecond: u32::try_from(micros.rem_euclid(MICROS_OF_SECOND) * 1_000).ok()?,
        })
    }
}

impl DateTime {
    /// The moment that is `micros` after the beginning of the year 2000.
    pub(super) fn of_micros(micros: i64) -> Option<Self> {
        let date = Date::of_days(micros.div_euclid(MICROS_OF_DAY))?;
        Some(Self { date, time: Time::of_micros(micros.rem_euclid(MICROS_OF_DAY))? })
    }

    /// The moment that is `seconds` after the beginning of the year 1970.
    pub(super) fn of_timestamp(seconds: i64) -> Option<Self> {
        Self::of_micros(seconds.checked_sub(EPOCH_SECONDS)?.checked_mul(MICROS_OF_SECOND)?)
    }
}

impl Value {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let inner = match self {
            Self::Text(text) | Self::Uuid(text) | Self::Decimal(text) | Self::Written(text) => text.len(),
            Self::Binary(bytes) | Self::Jsonb(bytes) | Self::Other(bytes) => bytes.len(),
            Self::ArrayInt32(items) => size_of_val(items.as_slice()),
            Self::ArrayInt64(items) => size_of_val(items.as_slice()),
            Self::ArrayDecimal(items) | Self::ArrayText(items) => {
                size_of_val(items.as_slice()) + items.iter().flatten().map(String::len).sum::<usize>()
            }
            _ => 0,
        };
        size_of::<Self>() + inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_has_them() {
        for (days, (year, month, day)) in [
            (0, (2000, 1, 1)),
            (-1, (1999, 12, 31)),
            (59, (2000, 2, 29)),
            (60, (2000, 3, 1)),
            (-10_957, (1970, 1, 1)),
            (366, (2001, 1, 1)),
            (-36_465, (1900, 3, 1)),
            (-36_466, (1900, 2, 28)),
            (-730_485, (0, 1, 1)),
            (-730_486, (-1, 12, 31)),
        ] {
            assert_eq!(Date::of_days(days), Some(Date { year, month, day }), "{days}");
        }
        assert_eq!(Date::of_days(i64::MAX), None);
    }

    #[test]
    fn moments_are_counted_from_both_epochs() {
        let date = Date { year: 1969, month: 12, day: 31 };
        let time = Time { hour: 23, minute: 59, second: 59, nanosecond: 0 };
        assert_eq!(DateTime::of_timestamp(-1), Some(DateTime { date, time }));
        let time = Time { nanosecond: 999_999_000, ..time };
        assert_eq!(DateTime::of_micros(-1).unwrap().time, time);
        assert_eq!(DateTime::of_timestamp(i64::MAX), None);
    }
}
