//! What a capability says of itself, for reference pages and `coracle capabilities`.

use std::time::Duration;

/// The documentation of a capability.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// One sentence.
    pub summary: &'static str,
    /// A whole piece of manifest that grants it.
    pub example: &'static str,
    /// What a guest meets when it was not granted.
    pub denied: &'static str,
    /// The backends that a runtime configuration may name.
    pub backends: &'static [&'static str],
}

/// A table of the runtime configuration.
#[derive(Debug, Clone, Copy)]
pub struct ConfigTable {
    /// Its header, such as `[key_value_store.<label>]`.
    pub header: &'static str,
    /// What it decides, in one sentence.
    pub about: &'static str,
    /// Tables that can be copied, one for each kind of backend.
    pub example: &'static str,
}

/// A bound on what a guest may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What is bounded.
    pub what: &'static str,
    /// How much there may be, for people.
    pub most: String,
}

impl Bound {
    /// A bound in bytes.
    #[must_use]
    pub fn bytes(what: &'static str, bytes: u64) -> Self {
        const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let whole = UNITS.iter().find(|(bits, _)| bytes > 0 && bytes.trailing_zeros() >= *bits);
        let most = whole.map_or_else(|| format!("{bytes} bytes"), |(bits, unit)| format!("{} {unit}", bytes >> bits));
        Self { what, most }
    }

    /// A number of things.
    #[must_use]
    pub fn count(what: &'static str, count: u64) -> Self {
        Self { what, most: count.to_string() }
    }

    /// A bound on time.
    #[must_use]
    pub fn time(what: &'static str, time: Duration) -> Self {
        let most = if time.subsec_millis() == 0 { format!("{} s", time.as_secs()) } else { format!("{} ms", time.as_millis()) };
        Self { what, most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_read_as_people_write_them() {
        let most = |bound: Bound| bound.most;
        assert_eq!(most(Bound::bytes("x", 512)), "512 bytes");
        assert_eq!(most(Bound::bytes("x", 8 << 20)), "8 MiB");
        assert_eq!(most(Bound::bytes("x", 1536 << 10)), "1536 KiB");
        assert_eq!(most(Bound::bytes("x", 16 << 30)), "16 GiB");
        assert_eq!(most(Bound::time("x", Duration::from_millis(1_500))), "1500 ms");
        assert_eq!(most(Bound::time("x", Duration::from_secs(5))), "5 s");
        assert_eq!(most(Bound::count("x", 256)), "256");
    }
}
