//! One field line, of a head or of trailers.

use crate::refusal::Refusal;

/// Splits `line`, which has no line end, into a name and a value without the blanks around it.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.first().is_some_and(|first| matches!(first, b' ' | b'\t')) {
        return Err(Refusal::FoldedField);
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Refusal::FieldName)?;
    let (name, rest) = line.split_at(colon);
    if !is_token(name) {
        return Err(Refusal::FieldName);
    }
    let value = rest.get(1..).unwrap_or_default();
    // Bytes from 0x80 up are what some clients send for other alphabets; a value is passed on as bytes, so they hurt nobody.
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Refusal::ControlCharacter);
    }
    Ok((name, trim(value)))
}

/// Whether this is a token: a method or the name of a field.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
