//! Bytes in the usual base 64, as the protocol writes them; padding is written, and not asked for.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BITS: u32 = 6;

/// `bytes` in base 64.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, index| (number << 8) | group.get(index).copied().map_or(0, u32::from));
        for index in 0..4_usize {
            let letter = usize::try_from((number >> (18 - 6 * index)) & 0x3f).ok().and_then(|place| LETTERS.get(place)).copied();
            text.push(if index <= group.len() { char::from(letter.unwrap_or(b'=')) } else { '=' });
        }
    }
    text
}

/// The bytes that `text` stands for; `None` when it stands for none.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len());
    let (mut number, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let place = LETTERS.iter().position(|known| *known == letter)?;
        number = (number << BITS) | u32::try_from(place).ok()?;
        bits += BITS;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((number >> bits) & 0xff).ok()?);
            number &= (1 << bits) - 1;
        }
    }
    // What is left over is padding, which is zero, and never a whole letter.
    (bits < BITS && number == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_went() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(decode(text.trim_end_matches('=')).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Some(all));
        for wrong in ["Z", "Zh", "Zm9v!", "é", "Zm9vY"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
