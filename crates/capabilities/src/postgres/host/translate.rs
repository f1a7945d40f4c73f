//! What the versions of Spin's interface have in common: the same values, columns and errors under the names of each.

use tokio_postgres::types::Type;

use crate::postgres::Error;

/// The kinds of error that every version knows.
pub(super) enum Told {
    Connection(String),
    Parameter(String),
    Query(String),
    Conversion(String),
    Other(String),
}

/// What a guest is told of `error`.
pub(super) fn told(error: &Error) -> Told {
    let text = error.to_string();
    match error {
        Error::NotPermitted(_)
        | Error::AccessDenied
        | Error::Connection(_)
        | Error::TooManyConnections { .. }
        | Error::TooManyOpen { .. } => Told::Connection(text),
        Error::Parameter(_) => Told::Parameter(text),
        Error::Refused(_) | Error::TooSlow { .. } => Told::Query(text),
        Error::Conversion(_) => Told::Conversion(text),
        Error::Busy | Error::Lost | Error::ResultTooLarge { .. } | Error::StatementTooLarge { .. } | Error::TooManyOperations { .. } => {
            Told::Other(text)
        }
    }
}

/// Whether columns of this type hold text.
pub(super) fn is_text(kind: &Type) -> bool {
    matches!(*kind, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}

/// The errors of a version that tells a refused statement as a text.
macro_rules! errors {
    ($error:ty, $other:ident) => {
        impl From<crate::postgres::Error> for $error {
            fn from(error: crate::postgres::Error) -> Self {
                use crate::postgres::host::translate::{Told, told};
                match told(&error) {
                    Told::Connection(text) => Self::ConnectionFailed(text),
                    Told::Parameter(text) => Self::BadParameter(text),
                    Told::Query(text) => Self::QueryFailed(text),
                    Told::Conversion(text) => Self::ValueConversionFailed(text),
                    Told::Other(text) => Self::$other(text),
                }
            }
        }
    };
}
pub(super) use errors;

/// The values of the versions that were made for any database: unsigned numbers are among them, which PostgreSQL has none of, so that they
/// become the next larger signed ones.
macro_rules! rdbms {
    ($types:ident, parameters { $($parameter:tt)* } values { $($value:tt)* } columns { $($column:tt)* }) => {
        impl From<$types::ParameterValue> for crate::postgres::Value {
            fn from(value: $types::ParameterValue) -> Self {
                match value {
                    $types::ParameterValue::Boolean(yes) => Self::Boolean(yes),
                    $types::ParameterValue::Int8(number) => Self::Int8(number),
                    $types::ParameterValue::Int16(number) => Self::Int16(number),
                    $types::ParameterValue::Int32(number) => Self::Int32(number),
                    $types::ParameterValue::Int64(number) => Self::Int64(number),
                    $types::ParameterValue::Uint8(number) => Self::Int16(number.into()),
                    $types::ParameterValue::Uint16(number) => Self::Int32(number.into()),
                    $types::ParameterValue::Uint32(number) => Self::Int64(number.into()),
                    $types::ParameterValue::Uint64(number) => Self::Decimal(number.to_string()),
                    $types::ParameterValue::Floating32(number) => Self::Float32(number),
                    $types::ParameterValue::Floating64(number) => Self::Float64(number),
                    $types::ParameterValue::Str(text) => Self::Text(text),
                    $types::ParameterValue::Binary(bytes) => Self::Binary(bytes),
                    $types::ParameterValue::DbNull => Self::Null,
                    $($parameter)*
                }
            }
        }

        impl From<crate::postgres::Value> for $types::DbValue {
            fn from(value: crate::postgres::Value) -> Self {
                use crate::postgres::Value;
                match value {
                    Value::Null => Self::DbNull,
                    Value::Boolean(yes) => Self::Boolean(yes),
                    Value::Int8(number) => Self::Int8(number),
                    Value::Int16(number) => Self::Int16(number),
                    Value::Int32(number) => Self::Int32(number),
                    Value::Int64(number) => Self::Int64(number),
                    Value::Float32(number) => Self::Floating32(number),
                    Value::Float64(number) => Self::Floating64(number),
                    Value::Text(text) => Self::Str(text),
                    Value::Binary(bytes) => Self::Binary(bytes),
                    $($value)*
                    _ => Self::Unsupported,
                }
            }
        }

        impl From<crate::postgres::Column> for $types::Column {
            fn from(column: crate::postgres::Column) -> Self {
                use tokio_postgres::types::Type;
                let data_type = match column.kind {
                    Type::BOOL => $types::DbDataType::Boolean,
                    Type::CHAR => $types::DbDataType::Int8,
                    Type::INT2 => $types::DbDataType::Int16,
                    Type::INT4 => $types::DbDataType::Int32,
                    Type::INT8 => $types::DbDataType::Int64,
                    Type::FLOAT4 => $types::DbDataType::Floating32,
                    Type::FLOAT8 => $types::DbDataType::Floating64,
                    Type::BYTEA => $types::DbDataType::Binary,
                    $($column)*
                    ref kind if crate::postgres::host::translate::is_text(kind) => $types::DbDataType::Str,
                    _ => $types::DbDataType::Other,
                };
                Self { name: column.name, data_type }
            }
        }

        impl From<crate::postgres::Table> for $types::RowSet {
            fn from(table: crate::postgres::Table) -> Self {
                let rows = table.rows.into_iter().map(|row| row.into_iter().map(Into::into).collect());
                Self { columns: table.columns.into_iter().map(Into::into).collect(), rows: rows.collect() }
            }
        }
    };
}
pub(super) use rdbms;

/// Days and times as tuples.
pub(super) mod moments {
    use crate::postgres::{Date, DateTime, Time};

    pub(in crate::postgres::host) type DateTuple = (i32, u8, u8);
    pub(in crate::postgres::host) type TimeTuple = (u8, u8, u8, u32);
    pub(in crate::postgres::host) type DateTimeTuple = (i32, u8, u8, u8, u8, u8, u32);

    impl From<DateTuple> for Date {
        fn from((year, month, day): DateTuple) -> Self {
            Self { year, month, day }
        }
    }

    impl From<Date> for DateTuple {
        fn from(Date { year, month, day }: Date) -> Self {
            (year, month, day)
        }
    }

    impl From<TimeTuple> for Time {
        fn from((hour, minute, second, nanosecond): TimeTuple) -> Self {
            Self { hour, minute, second, nanosecond }
        }
    }

    impl From<Time> for TimeTuple {
        fn from(Time { hour, minute, second, nanosecond }: Time) -> Self {
            (hour, minute, second, nanosecond)
        }
    }

    impl From<DateTimeTuple> for DateTime {
        fn from((year, month, day, hour, minute, second, nanosecond): DateTimeTuple) -> Self {
            Self { date: (year, month, day).into(), time: (hour, minute, second, nanosecond).into() }
        }
    }

    impl From<DateTime> for DateTimeTuple {
        fn from(DateTime { date, time }: DateTime) -> Self {
            (date.year, date.month, date.day, time.hour, time.minute, time.second, time.nanosecond)
        }
    }
}
