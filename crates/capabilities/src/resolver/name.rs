//! The rule for names of variables: lower-case letters, digits and single underscores, from a letter to a letter or digit.

/// Says which part of the rule `name` breaks.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    match name.as_bytes() {
        [] => Err("it must not be empty"),
        bytes if !bytes.iter().copied().all(allowed) => Err("only lower-case letters, digits and underscores may stand in it"),
        [first, ..] if !first.is_ascii_lowercase() => Err("it must start with a lower-case letter"),
        [.., b'_'] => Err("it must end with a letter or a digit"),
        _ if name.contains("__") => Err("underscores must stand alone"),
        _ => Ok(()),
    }
}

/// The beginning of a name that a stranger gave, fit to stand in a message.
pub(super) fn shown(name: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let mut text: String = name.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(CHARACTERS_MAX).is_some() {
        text.push('…');
    }
    text
}
