//! The lines of a head: does it have one meaning only, and how long is the body that follows?

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

/// What the fields so far say about the framing.
#[derive(Debug, Default)]
pub(super) struct Fields {
    length: Option<Result<u64, Refusal>>,
    /// Whether the coding is the one that is served.
    is_chunked: Option<bool>,
}

impl Fields {
    /// Checks a line that is neither the first nor empty.
    pub(super) fn see(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"content-length") && self.length.replace(number(value)).is_some() {
            return Err(Refusal::TwoContentLengths);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") && self.is_chunked.replace(value.eq_ignore_ascii_case(b"chunked")).is_some() {
            return Err(Refusal::TransferEncoding);
        }
        if name.eq_ignore_ascii_case(b"expect") && !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::Expectation);
        }
        Ok(())
    }

    /// How the body is framed, after the last field.
    pub(super) fn length(&self, is_http_10: bool) -> Result<Length, Refusal> {
        match (self.length, self.is_chunked) {
            (None, None) => Ok(Length::Sized(0)),
            (Some(_), Some(_)) => Err(Refusal::TwoFramings),
            (Some(length), None) => length.map(Length::Sized),
            (None, Some(_)) if is_http_10 => Err(Refusal::TransferEncodingVersion),
            (None, Some(true)) => Ok(Length::Chunked),
            (None, Some(false)) => Err(Refusal::TransferEncoding),
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
