//! Keys as names in a bucket. NATS allows letters, digits and `-_/=.`, with dots only between other letters; what it does not allow
//! is written as `=` and two digits of hexadecimal for each byte. Names that need none of it, as other programs make them, stay.

/// What a bucket keeps for itself.
const RESERVED: &str = "_kv";

/// The name of the empty key.
const EMPTY: &str = "=";

/// The name of `key`.
pub(super) fn encode(key: &str) -> String {
    if key.is_empty() {
        return EMPTY.to_owned();
    }
    let bytes = key.as_bytes();
    let is_reserved = key.starts_with(RESERVED);
    let is_plain = |index: usize, byte: u8| match byte {
        b'.' => index > 0 && index + 1 < bytes.len() && bytes.get(index - 1) != Some(&b'.'),
        b'_' => index > 0 || !is_reserved,
        b'-' | b'/' => true,
        _ => byte.is_ascii_alphanumeric(),
    };
    let mut name = String::with_capacity(key.len());
    for (index, byte) in bytes.iter().copied().enumerate() {
        if is_plain(index, byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("={byte:02X}"));
        }
    }
    name
}

/// The key whose name is `name`; `None` for a name that no key has.
pub(super) fn decode(name: &str) -> Option<String> {
    if name == EMPTY {
        return Some(String::new());
    }
    let (mut key, mut rest) = (Vec::with_capacity(name.len()), name.as_bytes());
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == b'=' {
            let (digits, others) = others.split_at_checked(2)?;
            key.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = others;
        } else {
            key.push(*first);
        }
    }
    let key = String::from_utf8(key).ok()?;
    // Two names of one key would be two values of it.
    (encode(&key) == name).then_some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_keys_keep_their_names() {
        for key in ["a", "users/42", "a.b.c", "A-b_c", "_k", "k_v"] {
            assert_eq!(encode(key), key);
            assert_eq!(decode(key).as_deref(), Some(key));
        }
        for (key, name) in [
            ("", "="),
            (".", "=2E"),
            ("..", "=2E=2E"),
            ("a..b", "a.=2Eb"),
            (".a", "=2Ea"),
            ("a.", "a=2E"),
            ("=", "=3D"),
            ("_kv_x", "=5Fkv_x"),
            ("a b*>", "a=20b=2A=3E"),
            ("é", "=C3=A9"),
        ] {
            assert_eq!(encode(key), name);
        }
        for name in ["=2", "=zz", "=61", "=2e", "=FF", "=+1"] {
            assert_eq!(decode(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_key_has_one_name_that_nats_allows(key in any::<String>()) {
            let name = encode(&key);
            prop_assert_eq!(decode(&name), Some(key));
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/=.".contains(&byte);
            prop_assert!(!name.is_empty() && name.bytes().all(is_allowed));
            prop_assert!(!name.starts_with('.') && !name.ends_with('.') && !name.contains("..") && !name.starts_with(RESERVED));
        }
    }
}
