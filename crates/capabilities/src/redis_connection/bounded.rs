//! A stream that fails when it is sent more than it may read for one request. The requests of a connection must not overlap.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much one answer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerBounds {
    /// Its bytes.
    pub(crate) bytes_max: usize,
    /// Its parts, each of which takes far more memory than its bytes. Lines are counted for them: a part has at least one.
    pub(crate) elements_max: usize,
}

/// The stream, and what it has read since it last wrote.
pub(super) struct Bounded<S> {
    stream: S,
    bytes: usize,
    elements: usize,
    bounds: AnswerBounds,
}

impl AnswerBounds {
    /// For connections whose requests overlap, and which ask for nothing that could be large.
    pub(crate) const NONE: Self = Self { bytes_max: usize::MAX, elements_max: usize::MAX };
}

impl<S> Bounded<S> {
    pub(super) fn new(stream: S, bounds: AnswerBounds) -> Self {
        Self { stream, bytes: 0, elements: 0, bounds }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        self.bytes = self.bytes.saturating_add(read.len());
        if self.bounds.elements_max < usize::MAX {
            self.elements = self.elements.saturating_add(read.iter().filter(|byte| **byte == b'\n').count());
        }
        let is_within = self.bytes <= self.bounds.bytes_max && self.elements <= self.bounds.elements_max;
        Poll::Ready(if is_within { Ok(()) } else { Err(io::ErrorKind::FileTooLarge.into()) })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        (self.bytes, self.elements) = (0, 0);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
