//! The numbers that `increment` counts with: eight bytes, little end first, as Spin's stores have them.

use super::Error;

/// `value`, where absent is 0, plus `delta`.
pub(super) fn add(value: Option<&[u8]>, delta: i64) -> Result<i64, Error> {
    let number = match value {
        None => 0,
        Some(bytes) => i64::from_le_bytes(bytes.try_into().map_err(|_| Error::NotANumber)?),
    };
    number.checked_add(delta).ok_or(Error::Overflow)
}

/// The bytes of `number`.
pub(super) fn encode(number: i64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}
