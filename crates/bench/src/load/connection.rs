//! One keep-alive connection of the generator: sends a request, reads its answer, neither ever blocking.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::Requests;
use super::wire::{Answer, Reader};

/// How long a server may take to accept.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A connection and the request that is in flight on it.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    reader: Reader,
    /// The kind of the request and how much of it has been written.
    writing: Option<(usize, usize)>,
    /// When the request in flight was due; `None` when there is none.
    pub(super) due_ns: Option<u64>,
}

/// What reading brought.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing more for now.
    Waiting,
    Answered(Answer),
    /// The connection is of no use any more.
    Broken,
}

impl Connection {
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect_timeout(&address, CONNECT_MAX).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        // The many connections of a run must not occupy their ports for a minute after it.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, reader: Reader::default(), writing: None, due_ns: None })
    }

    /// Begins to send a request of `kind`. `false` when the connection is broken.
    pub(super) fn send(&mut self, requests: &Requests, kind: usize, due_ns: u64) -> bool {
        self.due_ns = Some(due_ns);
        self.writing = Some((kind, 0));
        self.write(requests)
    }

    /// Goes on sending. `false` when the connection is broken.
    pub(super) fn write(&mut self, requests: &Requests) -> bool {
        while let Some((kind, written)) = self.writing {
            let left = requests.bytes(kind).get(written..).unwrap_or_default();
            match self.stream.write(left) {
                Ok(0) => return false,
                Ok(count) => self.writing = (count < left.len()).then_some((kind, written + count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Reads what is there, by way of `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Progress {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Progress::Broken,
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Progress::Waiting,
                    ErrorKind::Interrupted => continue,
                    _ => return Progress::Broken,
                },
            };
            match self.reader.feed(buffer.get(..count).unwrap_or_default()) {
                Ok(Some(answer)) => return Progress::Answered(answer),
                // Less than there was room for means that no more is there: reading again would cost a system call to learn that.
                Ok(None) if count < buffer.len() => return Progress::Waiting,
                Ok(None) => {}
                Err(_) => return Progress::Broken,
            }
        }
    }

    /// Whether the request has been written to its end.
    pub(super) fn is_sent(&self) -> bool {
        self.writing.is_none()
    }

    pub(super) fn close(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.stream)
    }
}
