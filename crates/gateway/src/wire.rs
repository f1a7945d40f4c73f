//! The byte stream of one connection, below the parser: timeouts, HTTP/1 framing, a lingering close.
//!
//! A head that is refused is replaced by a request of our own, so that the refusal is answered in its turn, after the answers to what
//! came before it, by the same code that answers everything else.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use crate::alarm::Alarm;
use crate::bounds::Bounds;
use crate::http1::Framing;
use crate::http2::FrameWatch;
use crate::line::{Line, Refused};
use crate::refusal::Refusal;

/// The first bytes of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What the parser gets to see instead of a head that was refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
const READ_BYTES: usize = 4 << 10;
/// What one read takes at most of a body. It is still in the processor's cache when the guest gets it, and a guest that takes it as one list
/// often has that much left in the last of its pages of 64 KiB: an instance whose memory had to grow cannot be rewound.
const DIRECT_BYTES_MAX: u64 = 48 << 10;

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) struct Wire<S> {
    stream: S,
    bounds: Arc<Bounds>,
    line: Arc<Line>,
    watch: Watch,
    /// Bytes that were read and not given on yet. Its first `passed` bytes may be.
    held: BytesMut,
    passed: usize,
    waiting: Waiting,
    read_alarm: Alarm,
    write_alarm: Alarm,
    /// What is left to throw away before the connection is closed for good.
    linger_bytes: Option<usize>,
    is_eof: bool,
}

/// Who follows the bytes that come in.
enum Watch {
    Http1(Framing),
    Http2(FrameWatch),
}

/// What a read that finds nothing is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    First,
    Request,
    Head,
    /// A body, which has its own bounds, or the end of an answer.
    Other,
    HalfClosed,
    /// For nothing: the rest of the connection is not read.
    Refused,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S, bounds: Arc<Bounds>, line: Arc<Line>) -> Self {
        let mut read_alarm = Alarm::default();
        read_alarm.set(bounds.head);
        let watch = Watch::Http1(Framing::new(Arc::clone(&bounds)));
        Self {
            stream,
            bounds,
            line,
            watch,
            held: BytesMut::new(),
            passed: 0,
            waiting: Waiting::First,
            read_alarm,
            write_alarm: Alarm::default(),
            linger_bytes: None,
            is_eof: false,
        }
    }

    pub(crate) fn set_protocol(&mut self, protocol: Protocol) {
        match protocol {
            Protocol::Http1 => self.advance_held(),
            Protocol::Http2 => {
                self.watch = Watch::Http2(FrameWatch::new(self.bounds.idle_frames_max));
                self.read_alarm.clear();
                self.line.watch();
            }
        }
    }

    /// Reads until it is clear which protocol this is. `None` when the client left, or took too long.
    pub(crate) fn poll_protocol(&mut self, context: &mut Context<'_>) -> Poll<Option<Protocol>> {
        loop {
            let start = PREFACE.get(..self.held.len().min(PREFACE.len())).unwrap_or(PREFACE);
            if !self.held.starts_with(start) {
                return Poll::Ready(Some(Protocol::Http1));
            }
            if self.held.len() >= PREFACE.len() {
                return Poll::Ready(Some(Protocol::Http2));
            }
            match self.poll_hold(context) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return self.read_alarm.poll(context).map(|()| None),
            }
        }
    }

    /// Reads more into `held`.
    fn poll_hold(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let before = self.held.len();
        self.held.resize(before + READ_BYTES, 0);
        let mut buffer = ReadBuf::new(self.held.get_mut(before..).unwrap_or_default());
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
        let read = buffer.filled().len();
        self.held.truncate(before + read);
        polled.map_ok(|()| read)
    }

    /// Reads into `buffer` where nothing is held, so that most bytes are not copied, and holds back what may not be passed yet.
    fn poll_direct(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut (&mut self.stream).take(DIRECT_BYTES_MAX)).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        let read = new.len();
        let Watch::Http1(framing) = &mut self.watch else { return Poll::Ready(Ok(read)) };
        let advance = framing.advance(new);
        self.held.extend_from_slice(new.get(advance.passed..).unwrap_or_default());
        buffer.set_filled(before + advance.passed);
        self.note(advance.heads, advance.refusal);
        Poll::Ready(Ok(read))
    }

    /// Looks at what is held.
    fn advance_held(&mut self) {
        let Watch::Http1(framing) = &mut self.watch else { return };
        let advance = framing.advance(&self.held);
        self.passed = advance.passed;
        self.note(advance.heads, advance.refusal);
    }

    /// Takes down what the framing found.
    fn note(&mut self, heads: u64, refusal: Option<Refusal>) {
        for _ in 0..heads {
            self.line.begin();
        }
        if heads > 0 {
            self.waiting = Waiting::Other;
            self.read_alarm.clear();
        }
        if let Some(refusal) = refusal {
            self.refuse(refusal);
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        let Watch::Http1(framing) = &self.watch else { return };
        let is_head = framing.is_refused_in_head();
        self.line.refuse(Refused { request: framing.heads(), refusal, is_head });
        self.read_alarm.clear();
        self.held.truncate(self.passed);
        if is_head {
            self.line.begin();
            self.held.extend_from_slice(STAND_IN);
            self.passed = self.held.len();
        }
        self.waiting = Waiting::Refused;
    }

    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let part = self.passed.min(buffer.remaining());
        buffer.put_slice(self.held.get(..part).unwrap_or_default());
        self.held.advance(part);
        self.passed -= part;
        if self.held.is_empty() {
            // An idle connection keeps no buffer.
            self.held = BytesMut::new();
        }
    }

    /// Nothing came. Ready when that has gone on for too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Watch::Http1(framing) = &self.watch else { return Poll::Pending };
        let waiting = match self.waiting {
            Waiting::First if self.held.is_empty() => Waiting::First,
            Waiting::HalfClosed | Waiting::Refused => self.waiting,
            _ if !framing.is_in_head() => Waiting::Other,
            _ if !self.held.is_empty() => Waiting::Head,
            _ if self.line.is_idle() => Waiting::Request,
            _ => Waiting::Other,
        };
        if waiting != self.waiting {
            self.waiting = waiting;
            match waiting {
                Waiting::Request => self.read_alarm.set(self.bounds.idle),
                Waiting::Head => self.read_alarm.set(self.bounds.head),
                _ => self.read_alarm.clear(),
            }
        }
        self.read_alarm.poll(context)
    }

    /// The client sends nothing more. An answer that is under way gets a moment, then the parser learns of it and lets the guest go.
    fn poll_half_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_between = matches!(&self.watch, Watch::Http1(framing) if framing.is_in_head());
        if !is_between || self.line.poll_idle(context).is_ready() {
            return Poll::Ready(());
        }
        if self.waiting != Waiting::HalfClosed {
            self.waiting = Waiting::HalfClosed;
            self.read_alarm.set(self.bounds.half_closed);
        }
        self.read_alarm.poll(context)
    }

    /// One attempt to read. Ready with true when there may be something to give, with false at the end.
    fn poll_more(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let is_direct = self.held.is_empty();
        let read = match if is_direct { self.poll_direct(context, buffer) } else { self.poll_hold(context) } {
            Poll::Ready(read) => read?,
            Poll::Pending => {
                ready!(self.poll_patience(context));
                if self.waiting != Waiting::Head {
                    return Poll::Ready(Ok(false));
                }
                if let Watch::Http1(framing) = &mut self.watch {
                    framing.refuse();
                }
                self.refuse(Refusal::TooSlow);
                return Poll::Ready(Ok(true));
            }
        };
        if read == 0 {
            self.is_eof = true;
        } else if !is_direct {
            self.advance_held();
        }
        Poll::Ready(Ok(true))
    }

    fn poll_read_http1(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if self.passed > 0 {
                self.give(buffer);
            }
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if self.waiting == Waiting::Refused {
                // In the middle of a body the parser is told, which fails the body. After a stand-in nothing is left to read: its
                // answer closes the connection, and an end that came first would take that answer away.
                let is_head = matches!(&self.watch, Watch::Http1(framing) if framing.is_refused_in_head());
                return if is_head { Poll::Pending } else { Poll::Ready(Err(io::ErrorKind::InvalidData.into())) };
            }
            if self.is_eof {
                ready!(self.poll_half_closed(context));
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_more(context, buffer))? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_read_http2(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.held.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            self.passed = self.held.len();
            self.give(buffer);
        }
        if let Watch::Http2(watch) = &mut self.watch
            && !watch.see(buffer.filled().get(before..).unwrap_or_default())
        {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        Poll::Ready(Ok(()))
    }

    /// Whether bytes may be on their way that nobody will read as a request. Closing over them would reset the connection, and with
    /// it an answer that the client has not read yet.
    fn has_unread(&self) -> bool {
        match &self.watch {
            Watch::Http1(framing) => self.waiting == Waiting::Refused || !framing.is_in_head() || !self.held.is_empty(),
            Watch::Http2(_) => false,
        }
    }

    /// Throws away what still comes, up to the bounds.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut left = self.linger_bytes.unwrap_or_default();
        loop {
            if left == 0 || self.is_eof {
                return Poll::Ready(());
            }
            self.held.clear();
            match self.poll_hold(context) {
                Poll::Ready(Ok(0) | Err(_)) => self.is_eof = true,
                Poll::Ready(Ok(read)) => left = left.saturating_sub(read),
                Poll::Pending => {
                    self.linger_bytes = Some(left);
                    return self.read_alarm.poll(context);
                }
            }
        }
    }

    /// Fails a write that has waited for the client for too long.
    fn stall<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_alarm.clear();
            return written;
        }
        self.write_alarm.set_if_clear(self.bounds.write_stall);
        self.write_alarm.poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        match wire.watch {
            Watch::Http1(_) => wire.poll_read_http1(context, buffer),
            Watch::Http2(_) => wire.poll_read_http2(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write(context, bytes);
        wire.stall(context, written)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write_vectored(context, slices);
        wire.stall(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let flushed = Pin::new(&mut wire.stream).poll_flush(context);
        wire.stall(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.linger_bytes.is_none() {
            let closed = Pin::new(&mut wire.stream).poll_shutdown(context);
            ready!(wire.stall(context, closed))?;
            wire.linger_bytes = Some(if wire.has_unread() { wire.bounds.linger_bytes_max } else { 0 });
            wire.read_alarm.set(wire.bounds.linger);
        }
        wire.poll_linger(context).map(Ok)
    }
}
