//! Reads HTTP/1.1 responses as far as a load generator must: the status and where the response ends. Bodies are counted, not kept.

/// The longest head that a server under test may send.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The longest line that gives the size of a chunk, with its extensions.
const CHUNK_LINE_BYTES_MAX: usize = 64;

/// A response that has been read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body_bytes: u64,
}

/// Why a server's bytes are no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("the head of the response is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    #[error("the head of the response is malformed")]
    Head,
    #[error("a chunk of the response is malformed")]
    Chunk,
    #[error("the server sent more than one response")]
    Surplus,
}

/// Reads one response after the other from the pieces that a socket gives.
#[derive(Debug, Default)]
pub(super) struct Reader {
    state: State,
    /// The beginning of a head that did not come in one piece.
    head: Vec<u8>,
    status: u16,
    body_bytes: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Head,
    Sized {
        left: u64,
    },
    ChunkSize {
        size: u64,
        read: usize,
        in_extension: bool,
    },
    Chunk {
        left: u64,
    },
    ChunkEnd,
    /// After the last chunk: `empty` as long as the line has no bytes but its end.
    Trailer {
        empty: bool,
    },
}

impl Reader {
    /// Reads `bytes`; the answer once it is complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<Option<Answer>, WireError> {
        while !bytes.is_empty() {
            let (rest, ended) = self.step(bytes)?;
            if ended {
                let answer = Answer { status: self.status, body_bytes: self.body_bytes };
                self.state = State::Head;
                self.body_bytes = 0;
                return if rest.is_empty() { Ok(Some(answer)) } else { Err(WireError::Surplus) };
            }
            bytes = rest;
        }
        Ok(None)
    }

    /// Reads what belongs to the present state; the rest, and whether the response has ended.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<(&'a [u8], bool), WireError> {
        match self.state {
            State::Head => self.read_head(bytes),
            State::Sized { left } => {
                let (taken, rest) = take(bytes, left);
                self.body_bytes += taken;
                self.state = State::Sized { left: left - taken };
                Ok((rest, left == taken))
            }
            State::ChunkSize { .. } => self.read_chunk_size(bytes).map(|rest| (rest, false)),
            State::Chunk { left } => {
                let (taken, rest) = take(bytes, left);
                self.body_bytes += taken;
                self.state = if left == taken { State::ChunkEnd } else { State::Chunk { left: left - taken } };
                Ok((rest, false))
            }
            State::ChunkEnd => match bytes.split_first() {
                Some((b'\r', rest)) => Ok((rest, false)),
                Some((b'\n', rest)) => {
                    self.state = State::ChunkSize { size: 0, read: 0, in_extension: false };
                    Ok((rest, false))
                }
                _ => Err(WireError::Chunk),
            },
            State::Trailer { empty } => match bytes.split_first() {
                Some((b'\r', rest)) => Ok((rest, false)),
                Some((b'\n', rest)) => {
                    self.state = State::Trailer { empty: true };
                    Ok((rest, empty))
                }
                Some((_, rest)) => {
                    self.state = State::Trailer { empty: false };
                    Ok((rest, false))
                }
                None => Ok((bytes, false)),
            },
        }
    }

    fn read_head<'a>(&mut self, bytes: &'a [u8]) -> Result<(&'a [u8], bool), WireError> {
        if self.head.is_empty()
            && let Some(end) = head_end(bytes, 0)
        {
            // What happens nearly always: the head came in one piece and need not be copied.
            let (head, rest) = bytes.split_at(end);
            self.state = self.begin_body(head)?;
            return Ok((rest, matches!(self.state, State::Sized { left: 0 })));
        }
        let seen = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(end) = head_end(&self.head, seen.saturating_sub(3)) else {
            return if self.head.len() > HEAD_BYTES_MAX { Err(WireError::HeadTooLong) } else { Ok((&[], false)) };
        };
        let head = std::mem::take(&mut self.head);
        self.state = self.begin_body(head.get(..end).unwrap_or_default())?;
        let rest = bytes.get(end - seen..).unwrap_or_default();
        Ok((rest, matches!(self.state, State::Sized { left: 0 })))
    }

    /// Reads a complete head: the status, and how the body is framed.
    fn begin_body(&mut self, head: &[u8]) -> Result<State, WireError> {
        let mut lines = head.split(|byte| *byte == b'\n');
        let status = lines.next().and_then(|line| line.strip_prefix(b"HTTP/1.1 ")).and_then(|rest| rest.get(..3));
        self.status = status.and_then(number).and_then(|status| u16::try_from(status).ok()).ok_or(WireError::Head)?;
        for line in lines {
            // Only two fields matter, and both begin with one of two letters.
            match line.first() {
                Some(b'c' | b'C') => {
                    if let Some(value) = value_of(line, "content-length") {
                        return Ok(State::Sized { left: number(value).ok_or(WireError::Head)? });
                    }
                }
                Some(b't' | b'T') if value_of(line, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) => {
                    return Ok(State::ChunkSize { size: 0, read: 0, in_extension: false });
                }
                _ => {}
            }
        }
        // A body that ends with the connection would cost a connection for each request; no server under test sends one.
        if matches!(self.status, 204 | 304) { Ok(State::Sized { left: 0 }) } else { Err(WireError::Head) }
    }

    fn read_chunk_size<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], WireError> {
        let State::ChunkSize { mut size, mut read, mut in_extension } = self.state else { return Ok(bytes) };
        for (index, byte) in bytes.iter().enumerate() {
            read += 1;
            match byte {
                b'\n' => {
                    self.state = if size == 0 { State::Trailer { empty: true } } else { State::Chunk { left: size } };
                    return Ok(bytes.get(index + 1..).unwrap_or_default());
                }
                b'\r' => {}
                b';' => in_extension = true,
                _ if in_extension => {}
                digit => {
                    let digit = char::from(*digit).to_digit(16).ok_or(WireError::Chunk)?;
                    size = size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit))).ok_or(WireError::Chunk)?;
                }
            }
            if read > CHUNK_LINE_BYTES_MAX {
                return Err(WireError::Chunk);
            }
        }
        self.state = State::ChunkSize { size, read, in_extension };
        Ok(&[])
    }
}

/// As many of `left` bytes as there are, and what follows them.
fn take(bytes: &[u8], left: u64) -> (u64, &[u8]) {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (taken as u64, bytes.get(taken..).unwrap_or_default())
}

/// Where the body begins, if the empty line is there; what lies before `from` is known not to have it.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let searched = bytes.get(from..)?;
    searched.windows(4).position(|window| window == b"\r\n\r\n").map(|start| from + start + 4)
}

fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `response` in pieces of every size and expects the same answer each time.
    #[track_caller]
    fn check(response: &str, expected: Result<Answer, WireError>) {
        for size in 1..=response.len() {
            let mut reader = Reader::default();
            let mut answers = Vec::new();
            for piece in response.as_bytes().chunks(size) {
                match reader.feed(piece) {
                    Ok(None) => {}
                    Ok(Some(answer)) => answers.push(Ok(answer)),
                    Err(error) => {
                        answers.push(Err(error));
                        break;
                    }
                }
            }
            assert_eq!(answers, [expected], "in pieces of {size}");
        }
    }

    #[test]
    fn a_sized_body_ends_after_its_bytes() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello", Ok(Answer { status: 200, body_bytes: 5 }));
        check("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", Ok(Answer { status: 200, body_bytes: 0 }));
        check("HTTP/1.1 204 No Content\r\n\r\n", Ok(Answer { status: 204, body_bytes: 0 }));
    }

    #[test]
    fn a_chunked_body_ends_with_the_trailers() {
        let head = "HTTP/1.1 429 Too Many\r\ntransfer-encoding: chunked\r\n\r\n";
        check(&format!("{head}5;a=b\r\nhello\r\n0B\r\nhello world\r\n0\r\n\r\n"), Ok(Answer { status: 429, body_bytes: 16 }));
        check(&format!("{head}1\r\nx\r\n0\r\nname: value\r\n\r\n"), Ok(Answer { status: 429, body_bytes: 1 }));
    }

    #[test]
    fn what_is_no_response_is_an_error() {
        check("SSH-2.0-OpenSSH\r\n\r\n", Err(WireError::Head));
        check("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", Err(WireError::Head));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Err(WireError::Chunk));
    }

    #[test]
    fn a_second_response_that_nobody_asked_for_is_an_error() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP"), Err(WireError::Surplus));
    }

    #[test]
    fn a_reader_goes_on_with_the_next_response() {
        let mut reader = Reader::default();
        for status in [200, 201] {
            let response = format!("HTTP/1.1 {status} OK\r\ncontent-length: 2\r\n\r\nok");
            assert_eq!(reader.feed(response.as_bytes()), Ok(Some(Answer { status, body_bytes: 2 })));
        }
    }
}
