//! HTTP/2 as frames: sends what no client would, and reads frame by frame what came back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, bail};

use crate::raw;

/// The first bytes of a connection.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// The flags of frames.
pub mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame of any kind.
    #[must_use]
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// HEADERS in one frame, with or without the end of the stream.
    #[must_use]
    pub fn headers(stream: u32, fields: &[(&str, &str)], is_end: bool) -> Self {
        let end = if is_end { flag::END_STREAM } else { 0 };
        Self::new(kind::HEADERS, flag::END_HEADERS | end, stream, block(fields))
    }

    /// A GET of `/` on example.com.
    #[must_use]
    pub fn get(stream: u32) -> Self {
        Self::headers(stream, GET, true)
    }

    /// DATA.
    #[must_use]
    pub fn data(stream: u32, data: &[u8], is_end: bool) -> Self {
        Self::new(kind::DATA, u8::from(is_end), stream, data)
    }

    /// RST_STREAM.
    #[must_use]
    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(kind::RST_STREAM, 0, stream, code.to_be_bytes())
    }

    /// WINDOW_UPDATE.
    #[must_use]
    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
    }

    /// SETTINGS with these values.
    #[must_use]
    pub fn settings(values: &[(u16, u32)]) -> Self {
        let payload: Vec<u8> = values.iter().flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes())).collect();
        Self::new(kind::SETTINGS, 0, 0, payload)
    }

    /// As it is written.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = length.get(1..).unwrap_or_default().to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The error code of RST_STREAM and GOAWAY.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        self.payload.get(at..at + 4).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes)
    }

    /// The `:status` that a HEADERS frame of a response begins with, unless it stands in the dynamic table.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        const STATIC: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        // A table size update may come first.
        let block = match self.payload.as_slice() {
            [first, rest @ ..] if first & 0xe0 == 0x20 => rest,
            block => block,
        };
        match block {
            [first @ 0x88..=0x8e, ..] => STATIC.get(usize::from(first - 0x88)).copied(),
            [0x48 | 0x08 | 0x18, length, text @ ..] => {
                let text = text.get(..usize::from(length & 0x7f))?;
                if length & 0x80 == 0 { str::from_utf8(text).ok()?.parse().ok() } else { huffman_digits(text) }
            }
            _ => None,
        }
    }
}

/// The fields of the simplest request.
pub const GET: &[(&str, &str)] = &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "example.com")];

/// A field block, every field a literal that is not indexed.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name.as_bytes());
        string(&mut block, value.as_bytes());
    }
    block
}

fn string(block: &mut Vec<u8>, text: &[u8]) {
    integer(block, 7, 0, text.len());
    block.extend_from_slice(text);
}

/// An HPACK integer with a prefix of `bits` bits, below the bits of `first`.
pub fn integer(block: &mut Vec<u8>, bits: u32, first: u8, mut value: usize) {
    let max = (1_usize << bits) - 1;
    if value < max {
        return block.push(first | u8::try_from(value).unwrap_or_default());
    }
    block.push(first | u8::try_from(max).unwrap_or_default());
    value -= max;
    while value >= 128 {
        block.push(u8::try_from(value % 128).unwrap_or_default() | 0x80);
        value /= 128;
    }
    block.push(u8::try_from(value).unwrap_or_default());
}

fn huffman_digits(bytes: &[u8]) -> Option<u16> {
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |shift| u16::from(byte >> shift & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let mut code = 0;
        for _ in 0..5 {
            code = code << 1 | bits.next()?;
        }
        number = number * 10
            + match code {
                0..=2 => code,
                12 => 3_u16.checked_sub(1 - bits.next()?)?,
                13..=15 => (code - 13) * 2 + 4 + bits.next()?,
                _ => return None,
            };
    }
    Some(number)
}

/// A client that does what it is told.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects, and sends the preface and empty settings.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let mut client = Self::silent(address)?;
        client.send_bytes(PREFACE)?;
        client.send(&Frame::settings(&[]))?;
        Ok(client)
    }

    /// Connects and says nothing.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn silent(address: SocketAddr) -> Result<Self> {
        Ok(Self { stream: raw::connect(address)? })
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, frame: &Frame) -> Result<()> {
        self.send_bytes(&frame.bytes())
    }

    /// Sends anything.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// The next frame; `None` when the connection has ended.
    ///
    /// # Errors
    /// When nothing comes for too long.
    pub fn next_frame(&mut self) -> Result<Option<Frame>> {
        let mut header = [0; 9];
        if !self.fill(&mut header)? {
            return Ok(None);
        }
        let [high, middle, low, kind, flags, stream @ ..] = header;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, high, middle, low]))?];
        if !self.fill(&mut payload)? {
            return Ok(None);
        }
        Ok(Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload }))
    }

    /// The next frame that `wanted` accepts; the others are thrown away.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn find(&mut self, wanted: impl Fn(&Frame) -> bool) -> Result<Frame> {
        let mut seen = Vec::new();
        while let Some(frame) = self.next_frame()? {
            if wanted(&frame) {
                return Ok(frame);
            }
            seen.push(frame);
        }
        bail!("the connection ended after {seen:?}")
    }

    /// Every frame until the connection ends.
    ///
    /// # Errors
    /// When it does not end.
    pub fn drain(&mut self) -> Result<Vec<Frame>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.stream.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_from_huffman_text() {
        // "431": 011010 011001 00001, then ones.
        assert_eq!(huffman_digits(&[0b0110_1001, 0b1001_0000, 0b1111_1111]), Some(431));
        // "501": 011011 00000 00001.
        assert_eq!(huffman_digits(&[0b0110_1100, 0b0000_0001]), Some(501));
    }
}
