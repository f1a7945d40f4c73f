//! Sizes and times as people write them: `"128MiB"`, `"1s"`, or a plain number of bytes or milliseconds.

use schemars::JsonSchema;
use serde::Deserialize;

/// A plain number, or a number with its unit such as `"128MiB"` or `"500ms"`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Quantity {
    Number(#[schemars(range(min = 0))] i64),
    Text(String),
}

/// What a quantity measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Milliseconds,
}

impl Unit {
    fn suffixes(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Bytes => {
                &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)]
            }
            Self::Milliseconds => &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)],
        }
    }

    /// What a correct value looks like.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Bytes => "a number of bytes, or text such as \"128MiB\" or \"64KiB\"",
            Self::Milliseconds => "a number of milliseconds, or text such as \"30s\" or \"500ms\"",
        }
    }

    /// Writes a value in the largest unit that divides it.
    pub(crate) fn show(self, value: u64) -> String {
        let fitting = self.suffixes().iter().filter(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
        match fitting.max_by_key(|(_, factor)| *factor) {
            Some((suffix, factor)) => format!("{}{suffix}", value / factor),
            None => value.to_string(),
        }
    }
}

impl Quantity {
    /// The value in bytes or milliseconds; `None` when it cannot be read as such.
    pub(crate) fn value(&self, unit: Unit) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(text) => parse(text.trim(), unit),
        }
    }
}

fn parse(text: &str, unit: Unit) -> Option<u64> {
    let digits_end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at_checked(digits_end)?;
    let number: u64 = digits.parse().ok()?;
    let suffix = suffix.trim_start();
    let (_, factor) = unit.suffixes().iter().find(|(name, _)| *name == suffix)?;
    number.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_and_times_with_their_units() {
        for (text, unit, value) in [
            ("128MiB", Unit::Bytes, Some(134_217_728)),
            ("64 KiB", Unit::Bytes, Some(65_536)),
            ("5kB", Unit::Bytes, Some(5_000)),
            ("7B", Unit::Bytes, Some(7)),
            ("500ms", Unit::Milliseconds, Some(500)),
            ("30s", Unit::Milliseconds, Some(30_000)),
            ("15m", Unit::Milliseconds, Some(900_000)),
            ("15", Unit::Milliseconds, None),
            ("MiB", Unit::Bytes, None),
            ("-1s", Unit::Milliseconds, None),
            ("1.5s", Unit::Milliseconds, None),
            ("1s", Unit::Bytes, None),
            ("99999999999999999999GiB", Unit::Bytes, None),
            ("99999999999999GiB", Unit::Bytes, None),
            ("", Unit::Bytes, None),
            ("1é", Unit::Bytes, None),
        ] {
            assert_eq!(Quantity::Text(text.to_owned()).value(unit), value, "{text}");
        }
        assert_eq!(Quantity::Number(12).value(Unit::Bytes), Some(12));
        assert_eq!(Quantity::Number(-12).value(Unit::Bytes), None);
    }

    #[test]
    fn shows_values_in_the_largest_fitting_unit() {
        assert_eq!(Unit::Bytes.show(1 << 20), "1MiB");
        assert_eq!(Unit::Bytes.show(1_000), "1kB");
        assert_eq!(Unit::Milliseconds.show(1_500), "1500ms");
        assert_eq!(Unit::Milliseconds.show(0), "0");
    }
}
