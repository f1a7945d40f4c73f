//! Sizes and durations as people write them on a command line, and as tables show them.

use std::time::Duration;

/// Reads `134217728`, `128MiB` or `128M` (a power of two either way).
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err("write a number of bytes, such as `134217728` or `128MiB`".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write a number of bytes, such as `134217728` or `128MiB`".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "this is more than any memory has".to_owned())
}

/// Reads `30s`, `500ms`, `20us`, `20ns`, `2m`, or seconds without a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number with its unit, such as `30s` or `500ms`".to_owned();
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit.trim() {
        "" | "s" => Ok(Duration::from_secs(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "us" => Ok(Duration::from_micros(number)),
        "ns" => Ok(Duration::from_nanos(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Reads a duration, or a range such as `10s..20s`, of which the end counts.
pub(crate) fn duration_or_range(text: &str) -> Result<Duration, String> {
    match text.split_once("..") {
        Some((start, end)) => duration(start).and_then(|_| duration(end)),
        None => duration(text),
    }
}

/// `text` of the form `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write `NAME=VALUE`".to_owned()),
    }
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub(crate) fn show_bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        assert_eq!(bytes("134217728"), Ok(134_217_728));
        assert_eq!(bytes("128MiB"), Ok(128 << 20));
        assert_eq!(bytes("1 g"), Ok(1 << 30));
        assert_eq!(bytes("0"), Ok(0));
        for wrong in ["", "MiB", "-1", "1.5M", "12q", "99999999999G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_the_units_of_spin() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7us"), Ok(Duration::from_micros(7)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("4"), Ok(Duration::from_secs(4)));
        for wrong in ["", "s", "1h2", "-1s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_a_range_the_end_counts() {
        assert_eq!(duration_or_range("10s..20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration_or_range("10s"), Ok(Duration::from_secs(10)));
        for wrong in ["..", "1s..", "..1s", "x..1s"] {
            assert!(duration_or_range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_shown_with_one_digit() {
        assert_eq!(show_bytes(17), "17 B");
        assert_eq!(show_bytes(1_536), "1.5 KiB");
        assert_eq!(show_bytes(3 << 20), "3.0 MiB");
    }
}
