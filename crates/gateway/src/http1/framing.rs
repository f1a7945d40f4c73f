//! From message to message: which bytes of a connection are a complete head or a part of a body.

use std::sync::Arc;

use crate::bounds::Bounds;
use crate::refusal::Refusal;

use super::chunks::Chunks;
use super::head::{self, Fields, Length};

/// Where in the stream of requests a connection stands.
pub(crate) struct Framing {
    bounds: Arc<Bounds>,
    state: State,
    /// How much of a head that is still incomplete was looked at, and where its current line begins.
    scanned: usize,
    line_start: usize,
    lines: usize,
    is_http_10: bool,
    fields: Fields,
    /// Heads that were complete.
    heads: u64,
}

enum State {
    Head,
    Sized(u64),
    Chunked(Chunks),
    Refused { in_head: bool },
}

/// What came of more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advance {
    /// How many of them, from the first on, may be passed to the parser.
    pub(crate) passed: usize,
    /// How many heads end in those.
    pub(crate) heads: u64,
    /// Why nothing more may be passed.
    pub(crate) refusal: Option<Refusal>,
}

impl Framing {
    pub(crate) fn new(bounds: Arc<Bounds>) -> Self {
        Self { bounds, state: State::Head, scanned: 0, line_start: 0, lines: 0, is_http_10: false, fields: Fields::default(), heads: 0 }
    }

    /// Whether the next byte belongs to a head.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Heads that were passed, and the one that was refused.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the connection ended with a head that no parser has seen.
    pub(crate) fn is_refused_in_head(&self) -> bool {
        matches!(self.state, State::Refused { in_head: true })
    }

    /// Passes nothing more.
    pub(crate) fn refuse(&mut self) {
        let in_head = self.is_in_head();
        self.heads += u64::from(in_head);
        self.state = State::Refused { in_head };
    }

    /// Looks at all bytes that were not passed yet. In a head these are the same as the last time, and more.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Advance {
        let heads = self.heads;
        let mut passed = 0;
        let refusal = loop {
            let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) else { break None };
            let step = match &mut self.state {
                State::Head => self.head(rest),
                State::Sized(left) => {
                    let part = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= part as u64;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                    Ok(part)
                }
                State::Chunked(chunks) => chunks.advance(rest).map(|(part, is_end)| {
                    if is_end {
                        self.state = State::Head;
                    }
                    part
                }),
                State::Refused { .. } => break None,
            };
            match step {
                // A head that is not complete yet.
                Ok(0) => break None,
                Ok(part) => passed += part,
                Err(refusal) => {
                    self.refuse();
                    break Some(refusal);
                }
            }
        };
        let refused_head = u64::from(refusal.is_some() && self.is_refused_in_head());
        Advance { passed, heads: self.heads - heads - refused_head, refusal }
    }

    /// The length of the head that `bytes` begins with, or 0 when it is not complete.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        while let Some(found) = bytes.get(self.scanned..).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let feed = self.scanned + found;
            let line = bytes.get(self.line_start..feed).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else { return Err(Refusal::BareLineFeed) };
            let end = feed + 1;
            (self.scanned, self.line_start) = (end, end);
            if line.is_empty() {
                // One empty line before a request is left over from an older message, as some clients write after a body.
                match (self.lines, end) {
                    (0, 2) => continue,
                    (0, _) => return Err(Refusal::RequestLine),
                    _ => {}
                }
                self.complete()?;
                return Ok(end);
            }
            self.lines += 1;
            self.bound(end, line.len(), self.lines)?;
            // Without waiting for the rest: another protocol may have no rest.
            if self.lines == 1 {
                self.is_http_10 = head::request_line(line, &self.bounds)?;
            } else {
                self.fields.see(line)?;
            }
        }
        self.scanned = bytes.len();
        self.bound(bytes.len(), bytes.len() - self.line_start, self.lines + 1)?;
        Ok(0)
    }

    /// Refuses what is too large without waiting for its end.
    fn bound(&self, head_bytes: usize, line_bytes: usize, line_number: usize) -> Result<(), Refusal> {
        // The longest method, the two spaces and the version come beside the target.
        if line_number == 1 && line_bytes > self.bounds.target_bytes_max + head::METHOD_BYTES_MAX + 11 {
            return Err(Refusal::TargetTooLong);
        }
        if head_bytes > self.bounds.head_bytes_max || self.lines > self.bounds.fields_max + 1 {
            return Err(Refusal::FieldsTooLarge);
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Refusal> {
        self.state = match self.fields.length(self.is_http_10)? {
            Length::Sized(0) => State::Head,
            Length::Sized(length) => State::Sized(length),
            Length::Chunked => State::Chunked(Chunks::new(self.bounds.trailer_bytes_max)),
        };
        (self.scanned, self.line_start, self.lines, self.fields) = (0, 0, 0, Fields::default());
        self.heads += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in the parts that `cuts` makes, as the wire does: what is not passed is shown again, with more behind it.
    fn feed(bytes: &[u8], cuts: &[usize]) -> (usize, u64, Option<Refusal>) {
        let mut framing = Framing::new(Arc::new(Bounds::default()));
        let (mut passed, mut heads) = (0, 0);
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            let advance = framing.advance(&bytes[passed..cut.max(passed)]);
            passed += advance.passed;
            heads += advance.heads;
            if advance.refusal.is_some() {
                return (passed, heads, advance.refusal);
            }
        }
        (passed, heads, None)
    }

    const STREAMS: &[&str] = &[
        "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "\r\nPOST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0a\r\n0123456789\r\n0\r\nx: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\n",
        "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiGET / HTTP/1.1\r\nx : y\r\n\r\n",
    ];

    #[test]
    fn it_does_not_matter_how_bytes_arrive() {
        for stream in STREAMS {
            let bytes = stream.as_bytes();
            let whole = feed(bytes, &[]);
            for first in 0..bytes.len() {
                let second = (first + 3).min(bytes.len());
                let (_, heads, refusal) = feed(bytes, &[first, second]);
                assert_eq!((heads, refusal), (whole.1, whole.2), "{stream:?} cut at {first}");
            }
            let singly: Vec<usize> = (0..bytes.len()).collect();
            let (_, heads, refusal) = feed(bytes, &singly);
            assert_eq!((heads, refusal), (whole.1, whole.2), "{stream:?} byte by byte");
        }
        let results: Vec<_> =
            STREAMS.iter().map(|stream| feed(stream.as_bytes(), &[])).map(|(_, heads, refusal)| (heads, refusal)).collect();
        let expected = [(2, None), (2, None), (2, None), (1, Some(Refusal::Chunk)), (1, Some(Refusal::FieldName))];
        assert_eq!(results, expected);
    }

    /// Bytes drawn from what matters to framing, in any order: nothing panics, and no byte is passed twice.
    #[test]
    fn any_bytes_are_followed_or_refused() {
        let pieces: Vec<&[u8]> = [
            "GET",
            "POST",
            " ",
            "/",
            "HTTP/1.1",
            "HTTP/1.0",
            "\r\n",
            "\r",
            "\n",
            "content-length:",
            "transfer-encoding:",
            "chunked",
            "0",
            "5",
            "ffffffffffffffff",
            ";",
            "hello",
            "\0",
            ":",
            "host: a",
            "\t",
            "\u{e9}",
        ]
        .map(str::as_bytes)
        .to_vec();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % bound as u64).unwrap()
        };
        for round in 0..20_000 {
            let start = STREAMS[round % STREAMS.len()].as_bytes();
            let mut bytes = start[..next(start.len())].to_vec();
            for _ in 0..next(20) {
                bytes.extend_from_slice(pieces[next(pieces.len())]);
            }
            let cuts = [next(bytes.len() + 1)];
            let (passed, heads, refusal) = feed(&bytes, &cuts);
            let whole = feed(&bytes, &[]);
            assert!(passed <= bytes.len());
            assert_eq!((heads, refusal), (whole.1, whole.2), "{:?} cut at {cuts:?}", String::from_utf8_lossy(&bytes));
        }
    }
}
