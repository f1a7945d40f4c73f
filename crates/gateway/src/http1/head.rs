//! A complete head of a request: does it have one meaning only, and how long is the body that follows?

use crate::bounds::Bounds;
use crate::refusal::Refusal;

use super::fields::{field, is_token};
use super::target;

pub(super) const METHOD_BYTES_MAX: usize = 32;

/// How the body after a head is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Sized(u64),
    Chunked,
}

/// Checks the fields of `head`, which ends with an empty line and has no bare line feed. Its first line was checked before.
pub(super) fn length(head: &[u8], is_http_10: bool, bounds: &Bounds) -> Result<Length, Refusal> {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let fields_begin = lines.skip_while(|line| line.is_empty()).skip(1);
    let mut framing = Seen::default();
    let mut fields = 0;
    for line in fields_begin.take_while(|line| !line.is_empty()) {
        let (name, value) = field(line)?;
        fields += 1;
        framing.see(name, value)?;
    }
    if fields > bounds.fields_max {
        return Err(Refusal::FieldsTooLarge);
    }
    framing.length(is_http_10)
}

/// Checks the first line. True for HTTP/1.0.
pub(super) fn request_line(line: &[u8], bounds: &Bounds) -> Result<bool, Refusal> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(Refusal::RequestLine);
    };
    if !is_token(method) || method.len() > METHOD_BYTES_MAX {
        return Err(Refusal::Method);
    }
    let is_http_10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::RequestLine),
    };
    // After CONNECT the bytes are no requests any more; nothing here may read them as such.
    if matches!(method, b"CONNECT" | b"TRACE") {
        return Err(Refusal::NotServed);
    }
    if target.len() > bounds.target_bytes_max {
        return Err(Refusal::TargetTooLong);
    }
    target::check(method, target)?;
    Ok(is_http_10)
}

/// What the fields say about the framing.
#[derive(Default)]
struct Seen<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn see(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Refusal> {
        if name.eq_ignore_ascii_case(b"content-length") && self.length.replace(value).is_some() {
            return Err(Refusal::TwoContentLengths);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") && self.coding.replace(value).is_some() {
            return Err(Refusal::TransferEncoding);
        }
        if name.eq_ignore_ascii_case(b"expect") && !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::Expectation);
        }
        Ok(())
    }

    fn length(self, is_http_10: bool) -> Result<Length, Refusal> {
        match (self.length, self.coding) {
            (None, None) => Ok(Length::Sized(0)),
            (Some(_), Some(_)) => Err(Refusal::TwoFramings),
            (Some(length), None) => number(length).map(Length::Sized),
            (None, Some(_)) if is_http_10 => Err(Refusal::TransferEncodingVersion),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
            (None, Some(_)) => Err(Refusal::TransferEncoding),
        }
    }
}

fn number(digits: &[u8]) -> Result<u64, Refusal> {
    // `parse` alone would take a sign.
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(digits).ok().filter(|_| is_number);
    // The parser keeps the two highest values for itself.
    text.and_then(|text| text.parse().ok()).filter(|length| *length < u64::MAX - 2).ok_or(Refusal::ContentLength)
}
