//! The body of an object that a guest reads: as one piece within a bound, or as a stream that reads on when the guest asks for
//! more.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, StreamError, StreamResult};

use super::{Error, Limits, Reading};

/// An object, or a part of one, that is being read.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Incoming {
    reading: Reading,
    piece_bytes_max: u64,
    chunk_time_max: Duration,
    _transfer: OwnedSemaphorePermit,
}

/// The guest's stream.
struct Body {
    source: Incoming,
    chunk: Bytes,
    is_at_end: bool,
    failure: Option<Error>,
}

impl Incoming {
    pub(super) fn new(reading: Reading, limits: &Limits, transfer: OwnedSemaphorePermit) -> Self {
        Self { reading, piece_bytes_max: limits.piece_bytes_max, chunk_time_max: limits.operation_time_max, _transfer: transfer }
    }

    /// How many bytes it has.
    pub(super) fn bytes(&self) -> u64 {
        self.reading.bytes
    }

    /// Everything at once.
    pub(super) async fn piece(mut self) -> Result<Vec<u8>, Error> {
        let (bytes, bytes_max) = (self.reading.bytes, self.piece_bytes_max);
        if bytes > bytes_max {
            return Err(Error::PieceTooLarge { bytes, bytes_max });
        }
        let mut piece = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            let bytes = (piece.len() as u64).saturating_add(chunk.len() as u64);
            if bytes > bytes_max {
                return Err(Error::PieceTooLarge { bytes, bytes_max });
            }
            piece.extend_from_slice(&chunk);
        }
        Ok(piece.into())
    }

    /// A stream of it.
    pub(super) fn stream(self) -> Box<dyn InputStream> {
        Box::new(Body { source: self, chunk: Bytes::new(), is_at_end: false, failure: None })
    }

    /// Its bytes as they are asked for. After an error there is no more.
    pub(super) fn chunks(self) -> BoxStream<'static, Result<Bytes, Error>> {
        let next = |source: Option<Self>| async move {
            let mut source = source?;
            loop {
                match source.chunk().await {
                    Ok(Some(chunk)) if chunk.is_empty() => {}
                    Ok(Some(chunk)) => return Some((Ok(chunk), Some(source))),
                    Ok(None) => return None,
                    Err(error) => return Some((Err(error), None)),
                }
            }
        };
        stream::unfold(Some(self), next).boxed()
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let next = tokio::time::timeout(self.chunk_time_max, self.reading.chunks.next()).await;
        next.map_err(|_| Error::Timeout)?.transpose()
    }
}

#[async_trait]
impl Pollable for Body {
    async fn ready(&mut self) {
        while self.chunk.is_empty() && !self.is_at_end {
            match self.source.chunk().await {
                Ok(Some(chunk)) => self.chunk = chunk,
                Ok(None) => self.is_at_end = true,
                Err(error) => (self.is_at_end, self.failure) = (true, Some(error)),
            }
        }
    }
}

#[async_trait]
impl InputStream for Body {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if !self.chunk.is_empty() {
            return Ok(self.chunk.split_to(size.min(self.chunk.len())));
        }
        match self.failure.take() {
            Some(error) => Err(StreamError::LastOperationFailed(wasmtime::Error::new(error))),
            None if self.is_at_end => Err(StreamError::Closed),
            None => Ok(Bytes::new()),
        }
    }
}
