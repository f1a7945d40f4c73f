//! The framing of a chunked body, byte for byte: sizes without signs or blanks, extensions bounded, trailers that cannot change the
//! meaning of what was read.

use crate::refusal::Refusal;
use crate::request::belongs_to_head;

use super::fields::field;

/// Bytes of chunk extensions that one body may carry; nothing here reads them.
const EXTENSION_BYTES_MAX: usize = 4 << 10;
/// No size needs more digits; leading zeros are not for hiding things in.
const SIZE_DIGITS_MAX: u32 = 15;

/// Where in a chunked body a connection stands.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    size: u64,
    digits: u32,
    extension_bytes: usize,
    trailer: Vec<u8>,
    trailer_bytes: usize,
    trailer_bytes_max: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Size,
    Extension,
    SizeFeed,
    Data,
    DataReturn,
    DataFeed,
    Trailer,
    TrailerFeed,
}

impl Chunks {
    pub(super) fn new(trailer_bytes_max: usize) -> Self {
        let state = State::Size;
        Self { state, size: 0, digits: 0, extension_bytes: 0, trailer: Vec::new(), trailer_bytes: 0, trailer_bytes_max }
    }

    /// Follows the body through `bytes`. Says how many belong to it, and whether it ends there.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if let State::Data = self.state {
                let part = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.size -= part as u64;
                at += part;
                if self.size == 0 {
                    self.state = State::DataReturn;
                }
                continue;
            }
            at += 1;
            if self.step(*byte)? {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    /// One byte that is not data. True at the end of the body.
    fn step(&mut self, byte: u8) -> Result<bool, Refusal> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeFeed,
            (State::Size, b';') if self.digits > 0 => State::Extension,
            (State::Size, digit) => {
                self.size = self.size << 4 | u64::from(char::from(digit).to_digit(16).ok_or(Refusal::Chunk)?);
                self.digits += 1;
                if self.digits > SIZE_DIGITS_MAX {
                    return Err(Refusal::Chunk);
                }
                State::Size
            }
            (State::Extension, b'\r') => State::SizeFeed,
            (State::Extension, byte) if byte == b'\t' || !byte.is_ascii_control() => {
                self.extension_bytes += 1;
                if self.extension_bytes > EXTENSION_BYTES_MAX {
                    return Err(Refusal::Chunk);
                }
                State::Extension
            }
            (State::SizeFeed, b'\n') if self.size == 0 => State::Trailer,
            (State::SizeFeed, b'\n') => State::Data,
            (State::DataReturn, b'\r') => State::DataFeed,
            (State::DataFeed, b'\n') => {
                self.digits = 0;
                State::Size
            }
            (State::Trailer, b'\r') => State::TrailerFeed,
            (State::Trailer, byte) => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > self.trailer_bytes_max {
                    return Err(Refusal::FieldsTooLarge);
                }
                self.trailer.push(byte);
                State::Trailer
            }
            (State::TrailerFeed, b'\n') if self.trailer.is_empty() => return Ok(true),
            (State::TrailerFeed, b'\n') => {
                check_trailer(&self.trailer)?;
                self.trailer.clear();
                State::Trailer
            }
            _ => return Err(Refusal::Chunk),
        };
        Ok(false)
    }
}

fn check_trailer(line: &[u8]) -> Result<(), Refusal> {
    let (name, _) = field(line).map_err(|_| Refusal::Trailer)?;
    if belongs_to_head(name) { Err(Refusal::Trailer) } else { Ok(()) }
}
