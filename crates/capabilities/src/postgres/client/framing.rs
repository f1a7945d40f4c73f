//! A connection on which no message of the server is longer than it may be: the client library keeps a whole one in memory. It also keeps
//! to itself whether a transaction is open, which the server says after each answer; that is read here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What stands before each message: one byte that says what it is, and four for its length with them.
const HEADER_BYTES: usize = 5;
const LENGTH_BYTES: u32 = 4;

/// The message that says that the server is ready, and the word in it that no transaction is open.
const READY: u8 = b'Z';
const IDLE: u8 = b'I';

/// Whether a transaction is open, as the server last said.
#[derive(Debug, Default)]
pub(super) struct Status(AtomicBool);

/// A stream of messages of bounded length.
pub(super) struct Framing<S> {
    stream: S,
    message_bytes_max: usize,
    header: [u8; HEADER_BYTES],
    /// How much of the header is there.
    filled: usize,
    /// How much of the message is still to come.
    rest: usize,
    status: Arc<Status>,
}

impl Status {
    pub(super) fn is_in_transaction(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl<S> Framing<S> {
    pub(super) fn new(stream: S, message_bytes_max: usize) -> Self {
        Self { stream, message_bytes_max, header: [0; HEADER_BYTES], filled: 0, rest: 0, status: Arc::default() }
    }

    /// What the server says of transactions from now on.
    pub(super) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Follows the messages through what was read.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some((first, after)) = bytes.split_first() {
            if self.rest > 0 {
                if self.header.first() == Some(&READY) {
                    self.status.0.store(*first != IDLE, Relaxed);
                }
                let passed = self.rest.min(bytes.len());
                self.rest = self.rest.saturating_sub(passed);
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.header.get_mut(self.filled) {
                *place = *first;
            }
            self.filled = self.filled.saturating_add(1);
            bytes = after;
            if self.filled == HEADER_BYTES {
                self.filled = 0;
                let [_, length @ ..] = self.header;
                let rest = u32::from_be_bytes(length).checked_sub(LENGTH_BYTES).and_then(|rest| usize::try_from(rest).ok());
                let rest = rest.filter(|rest| *rest <= self.message_bytes_max);
                let too_long = || format!("a message of the server is longer than {} bytes", self.message_bytes_max);
                self.rest = rest.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, too_long()))?;
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framing<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        Poll::Ready(this.follow(buffer.filled().get(before..).unwrap_or_default()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framing<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_transaction_is_seen() {
        let mut framing = Framing::new((), 10);
        let status = framing.status();
        for (message, is_open) in [(b"Z\0\0\0\x05T", true), (b"Z\0\0\0\x05I", false), (b"Z\0\0\0\x05E", true), (b"X\0\0\0\x05I", true)] {
            framing.follow(message).unwrap();
            assert_eq!(status.is_in_transaction(), is_open);
        }
    }

    #[test]
    fn messages_are_measured_however_they_are_cut() {
        let messages = [b"Z\0\0\0\x05I".as_slice(), b"D\0\0\0\x0eten bytes!", b"1\0\0\0\x04"].concat();
        for piece_bytes in 1..=messages.len() {
            let mut framing = Framing::new((), 10);
            messages.chunks(piece_bytes).for_each(|piece| framing.follow(piece).unwrap());
            let long = framing.follow(b"D\0\0\0\x0f");
            assert!(long.unwrap_err().to_string().contains("longer than 10 bytes"));
        }
        for wrong in [b"D\0\0\0\x03", b"D\xff\xff\xff\xff"] {
            assert!(Framing::new((), 10).follow(wrong).is_err());
        }
    }
}
