//! Columns and values between the server's form and ours.

use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::{Column as Sent, Value as Wire};

use crate::mysql::{Column, Error, Kind, Value};

/// The character set of what is no text.
const BINARY: u16 = 63;

/// What a column holds.
pub(super) fn column(sent: &Sent) -> Column {
    Column { name: sent.name_str().into_owned(), kind: kind(sent) }
}

fn kind(sent: &Sent) -> Kind {
    let is_unsigned = sent.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let number = |signed, unsigned| if is_unsigned { unsigned } else { signed };
    match sent.column_type() {
        ColumnType::MYSQL_TYPE_BIT if sent.column_length() == 1 => Kind::Boolean,
        ColumnType::MYSQL_TYPE_BIT => Kind::Binary,
        ColumnType::MYSQL_TYPE_TINY => number(Kind::Int8, Kind::Uint8),
        ColumnType::MYSQL_TYPE_SHORT => number(Kind::Int16, Kind::Uint16),
        ColumnType::MYSQL_TYPE_YEAR => Kind::Uint16,
        ColumnType::MYSQL_TYPE_INT24 | ColumnType::MYSQL_TYPE_LONG => number(Kind::Int32, Kind::Uint32),
        ColumnType::MYSQL_TYPE_LONGLONG => number(Kind::Int64, Kind::Uint64),
        ColumnType::MYSQL_TYPE_FLOAT => Kind::Float32,
        ColumnType::MYSQL_TYPE_DOUBLE => Kind::Float64,
        ColumnType::MYSQL_TYPE_TINY_BLOB
        | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
        | ColumnType::MYSQL_TYPE_LONG_BLOB
        | ColumnType::MYSQL_TYPE_BLOB
        | ColumnType::MYSQL_TYPE_VARCHAR
        | ColumnType::MYSQL_TYPE_VAR_STRING
        | ColumnType::MYSQL_TYPE_STRING => {
            if sent.character_set() == BINARY {
                Kind::Binary
            } else {
                Kind::Text
            }
        }
        ColumnType::MYSQL_TYPE_ENUM | ColumnType::MYSQL_TYPE_SET | ColumnType::MYSQL_TYPE_JSON => Kind::Text,
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => Kind::Text,
        ColumnType::MYSQL_TYPE_GEOMETRY => Kind::Binary,
        _ => Kind::Other,
    }
}

/// Reads a value of `column`. Statements that cannot be prepared answer in text, whatever the column holds.
pub(super) fn value(column: &Column, sent: Wire) -> Result<Value, Error> {
    let wrong = |what: &str| Error::Conversion(format!("column `{}` holds {what}; select it in another form", column.name));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| wrong("text that is not UTF-8"));
    Ok(match (sent, column.kind) {
        (Wire::NULL, _) => Value::Null,
        (Wire::Bytes(bytes), Kind::Boolean) => Value::Boolean(bytes.iter().any(|byte| *byte != 0)),
        (Wire::Bytes(bytes), Kind::Binary) => Value::Binary(bytes),
        (Wire::Bytes(bytes), Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64) => {
            Value::Int(text(bytes)?.parse().map_err(|_| wrong("a number out of range"))?)
        }
        (Wire::Bytes(bytes), Kind::Uint8 | Kind::Uint16 | Kind::Uint32 | Kind::Uint64) => {
            Value::Uint(text(bytes)?.parse().map_err(|_| wrong("a number out of range"))?)
        }
        (Wire::Bytes(bytes), Kind::Float32) => Value::Float32(text(bytes)?.parse().map_err(|_| wrong("no number"))?),
        (Wire::Bytes(bytes), Kind::Float64) => Value::Float64(text(bytes)?.parse().map_err(|_| wrong("no number"))?),
        (Wire::Bytes(bytes), Kind::Text | Kind::Other) => Value::Text(text(bytes)?),
        (Wire::Int(number), Kind::Uint8 | Kind::Uint16 | Kind::Uint32 | Kind::Uint64) => {
            Value::Uint(number.try_into().map_err(|_| wrong("a number out of range"))?)
        }
        (Wire::Int(number), _) => Value::Int(number),
        (Wire::UInt(number), _) => Value::Uint(number),
        (Wire::Float(number), _) => Value::Float32(number),
        (Wire::Double(number), _) => Value::Float64(number),
        (moment @ (Wire::Date(..) | Wire::Time(..)), _) => Value::Text(written(&moment)),
    })
}

/// A day or a time as SQL writes it.
fn written(moment: &Wire) -> String {
    let fraction = |micros: u32| if micros == 0 { String::new() } else { format!(".{micros:06}") };
    match *moment {
        Wire::Date(year, month, day, 0, 0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        Wire::Date(year, month, day, hour, minute, second, micros) => {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{}", fraction(micros))
        }
        Wire::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if is_negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(micros))
        }
        _ => String::new(),
    }
}

/// A parameter as the server wants it.
pub(super) fn parameter(value: Value) -> Wire {
    match value {
        Value::Null => Wire::NULL,
        Value::Boolean(yes) => Wire::Int(yes.into()),
        Value::Int(number) => Wire::Int(number),
        Value::Uint(number) => Wire::UInt(number),
        Value::Float32(number) => Wire::Float(number),
        Value::Float64(number) => Wire::Double(number),
        Value::Text(text) => Wire::Bytes(text.into_bytes()),
        Value::Binary(bytes) => Wire::Bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_sql_writes_them() {
        for (moment, expected) in [
            (Wire::Date(2024, 2, 9, 0, 0, 0, 0), "2024-02-09"),
            (Wire::Date(2024, 2, 9, 1, 2, 3, 40), "2024-02-09 01:02:03.000040"),
            (Wire::Time(true, 2, 3, 4, 5, 0), "-51:04:05"),
        ] {
            assert_eq!(written(&moment), expected);
        }
    }
}
