//! `wasmcloud:messaging/consumer@0.3.0` of wasmCloud 2, whose functions are async and whose bodies are streams. A body is collected
//! before it is sent: brokers carry whole messages.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Source, StreamConsumer, StreamReader, StreamResult};

use coracle_engine::View;

use self::bindings::wasmcloud::messaging::consumer as wit;
use super::{Access, Error, Message, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/messaging/wit/wasmcloud-messaging@0.3.0",
        world: "host",
        imports: { default: trappable },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl<T: Send + 'static> wit::HostWithStore<T> for Access {
    async fn request(
        guest: &Accessor<T, Self>,
        subject: String,
        body: StreamReader<u8>,
        timeout_ms: Option<u32>,
    ) -> Answer<wit::BrokerMessage> {
        let outlet = guest.with(|mut access| access.get().state.outlet(&subject));
        let body = collect(guest, body)?;
        let answered = async {
            let message = Message { subject, body: body.bytes().await?, ..Message::default() };
            let replies = outlet?.request(message, None, timeout_ms.map(|ms| Duration::from_millis(ms.into()))).await?;
            replies.into_iter().next().ok_or(Error::Timeout)
        };
        match answered.await {
            Ok(Message { subject, body, reply_to, .. }) => {
                let body = guest.with(|mut access| StreamReader::new(&mut access, body))?;
                Ok(Ok(wit::BrokerMessage { subject, body, reply_to }))
            }
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn publish(guest: &Accessor<T, Self>, message: wit::BrokerMessage) -> Answer<()> {
        let wit::BrokerMessage { subject, body, reply_to } = message;
        let outlet = guest.with(|mut access| access.get().state.outlet(&subject));
        let body = collect(guest, body)?;
        let published = async {
            let body = body.bytes().await?;
            outlet?.publish(Message { subject, body, reply_to, headers: Vec::new() }).await
        };
        Ok(published.await.map_err(Into::into))
    }
}

impl wit::Host for View<'_, State> {}

/// A body that is on its way from the guest.
struct Body(oneshot::Receiver<Result<Bytes, Error>>);

impl Body {
    async fn bytes(self) -> Result<Bytes, Error> {
        self.0.await.unwrap_or(Err(Error::Unsupported("the body was given up")))
    }
}

/// Collects what a guest sends; what is too large ends the stream.
struct Collector {
    collected: BytesMut,
    bytes_max: usize,
    done: Option<oneshot::Sender<Result<Bytes, Error>>>,
}

fn collect<T: Send + 'static>(guest: &Accessor<T, Access>, body: StreamReader<u8>) -> wasmtime::Result<Body> {
    let (done, collected) = oneshot::channel();
    guest.with(|mut access| {
        let bytes_max = access.get().state.limits().body_bytes_max;
        body.pipe(&mut access, Collector { collected: BytesMut::new(), bytes_max, done: Some(done) })
    })?;
    Ok(Body(collected))
}

impl<D: 'static> StreamConsumer<D> for Collector {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        let chunk = source.remaining();
        let (length, bytes_max) = (chunk.len(), self.bytes_max);
        let bytes = self.collected.len().saturating_add(length);
        if bytes > bytes_max {
            if let Some(done) = self.done.take() {
                // The call that waits for it may be gone.
                let _ = done.send(Err(Error::TooLarge { bytes, bytes_max }));
            }
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        self.collected.extend_from_slice(chunk);
        source.mark_read(length);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Drop for Collector {
    /// The guest closed its end.
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            let _ = done.send(Ok(std::mem::take(&mut self.collected).freeze()));
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied => Self::AccessDenied,
            Error::Subject(_) => Self::SubjectInvalid,
            Error::TooLarge { .. } => Self::MessageTooLarge,
            Error::Quota(_) => Self::QuotaExceeded,
            Error::Timeout => Self::Timeout,
            Error::Unavailable { .. } => Self::BrokerUnavailable,
            Error::NoResponders | Error::Unsupported(_) | Error::Refused { .. } => Self::Other(error.to_string()),
        }
    }
}
