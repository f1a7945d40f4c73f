//! One field line, of a head or of trailers.

use crate::refusal::Refusal;

/// Splits `line`, which has no line end, into a name and a value without the blanks around it.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
        return Err(Refusal::FoldedField);
    }
    let (name, rest) = line.split_at(TOKEN.begins(line));
    let (b':', value) = rest.split_first().filter(|_| !name.is_empty()).ok_or(Refusal::FieldName)? else {
        return Err(Refusal::FieldName);
    };
    // Bytes from 0x80 up are what some clients send for other alphabets; a value is passed on as bytes, so they hurt nobody. To look at all
    // of them whatever was found is what lets the compiler look at many at once.
    if value.iter().fold(false, |found, byte| found | (byte.is_ascii_control() & (*byte != b'\t'))) {
        return Err(Refusal::ControlCharacter);
    }
    Ok((name, trim(value)))
}

static TOKEN: Bytes = Bytes::alphanumeric_or(b"!#$%&'*+-.^_`|~");

/// Whether this is a token: a method or the name of a field.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && TOKEN.are_all(bytes)
}

/// A set of bytes: every byte of a head is looked up in one.
pub(super) struct Bytes([bool; 256]);

impl Bytes {
    /// ASCII letters, digits, and `others`.
    pub(super) const fn alphanumeric_or(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut places: &mut [bool] = &mut set;
        let mut byte = 0_u8;
        while let [place, rest @ ..] = places {
            *place = byte.is_ascii_alphanumeric() || Self::is_among(byte, others);
            byte = byte.wrapping_add(1);
            places = rest;
        }
        Self(set)
    }

    const fn is_among(byte: u8, mut bytes: &[u8]) -> bool {
        while let [first, rest @ ..] = bytes {
            if *first == byte {
                return true;
            }
            bytes = rest;
        }
        false
    }

    /// Whether `bytes` are of this set only.
    pub(super) fn are_all(&self, bytes: &[u8]) -> bool {
        self.begins(bytes) == bytes.len()
    }

    /// How many of `bytes`, from the first on, are of this set.
    fn begins(&self, bytes: &[u8]) -> usize {
        let is_other = |byte: &u8| self.0.get(usize::from(*byte)).is_none_or(|is_member| !is_member);
        bytes.iter().position(is_other).unwrap_or(bytes.len())
    }
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_bytes_only() {
        const SET: Bytes = Bytes::alphanumeric_or(b"-~");
        for byte in 0..=u8::MAX {
            assert_eq!(SET.are_all(&[byte]), byte.is_ascii_alphanumeric() || b"-~".contains(&byte), "{byte:#x}");
            assert_eq!(is_token(&[byte]), byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte), "{byte:#x}");
        }
        assert!(!is_token(b"") && is_token(b"a-b") && !is_token(b"a b"));
    }
}
