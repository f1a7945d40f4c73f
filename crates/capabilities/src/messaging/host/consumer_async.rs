//! `wasmcloud:messaging/consumer@0.3.0` of wasmCloud 2, whose functions are async and whose bodies are streams. A body is collected
//! before it is sent: brokers carry whole messages.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use coracle_engine::View;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Source, StreamConsumer, StreamReader, StreamResult};

use self::bindings::wasmcloud::messaging::consumer as wit;
use super::super::grant::Room;
use super::{Access, Error, Message, Outlet, State};

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
        let (outlet, body) = match open(guest, &subject, body)? {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error.into())),
        };
        let answered = async {
            let (body, _room) = body.bytes().await?;
            let message = Message { subject, body, ..Message::default() };
            let replies = outlet.request(message, None, timeout_ms.map(|ms| Duration::from_millis(ms.into()))).await?;
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
        let (outlet, body) = match open(guest, &subject, body)? {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error.into())),
        };
        let published = async {
            let (body, _room) = body.bytes().await?;
            outlet.publish(Message { subject, body, reply_to, headers: Vec::new() }).await
        };
        Ok(published.await.map_err(Into::into))
    }
}

impl wit::Host for View<'_, State> {}

/// A body, and the room that it takes up.
type Collected = Result<(Bytes, Option<OwnedSemaphorePermit>), Error>;

/// A body that is on its way from the guest.
struct Body(oneshot::Receiver<Collected>);

impl Body {
    async fn bytes(self) -> Collected {
        self.0.await.unwrap_or(Err(Error::Unsupported("the body was given up")))
    }
}

/// Collects what a guest sends; what is too large ends the stream.
struct Collector {
    collected: BytesMut,
    bytes_max: usize,
    room: Room,
    taken: Option<OwnedSemaphorePermit>,
    done: Option<oneshot::Sender<Collected>>,
}

/// The way to the broker of `subject`, and the body that goes there. Nothing is read for a subject that the guest may not write to.
fn open<T: Send + 'static>(
    guest: &Accessor<T, Access>,
    subject: &str,
    mut body: StreamReader<u8>,
) -> wasmtime::Result<Result<(Outlet, Body), Error>> {
    guest.with(|mut access| {
        let view = access.get();
        let (bytes_max, room) = (view.state.limits().body_bytes_max, view.state.room());
        match view.state.outlet(view.label, subject) {
            Ok(outlet) => {
                let (done, collected) = oneshot::channel();
                body.pipe(&mut access, Collector { collected: BytesMut::new(), bytes_max, room, taken: None, done: Some(done) })?;
                Ok(Ok((outlet, Body(collected))))
            }
            Err(error) => {
                body.close(&mut access)?;
                Ok(Err(error))
            }
        }
    })
}

impl Collector {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let (bytes, bytes_max) = (self.collected.len().saturating_add(chunk.len()), self.bytes_max);
        if bytes > bytes_max {
            return Err(Error::TooLarge { bytes, bytes_max });
        }
        let taken = match &mut self.taken {
            Some(taken) => taken,
            None => self.taken.insert(self.room.take(0)?),
        };
        self.room.extend(taken, bytes)?;
        self.collected.extend_from_slice(chunk);
        Ok(())
    }

    fn end(&mut self, result: Result<(), Error>) {
        if let Some(done) = self.done.take() {
            let body = std::mem::take(&mut self.collected).freeze();
            // The call that waits for it may be gone.
            let _ = done.send(result.map(|()| (body, self.taken.take())));
        }
    }
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
        let length = chunk.len();
        if let Err(error) = self.take(chunk) {
            self.end(Err(error));
            return Poll::Ready(Ok(StreamResult::Dropped));
        }
        source.mark_read(length);
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Drop for Collector {
    /// The guest closed its end.
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied | Error::NoLink(_) => Self::AccessDenied,
            Error::Subject(_) => Self::SubjectInvalid,
            Error::TooLarge { .. } => Self::MessageTooLarge,
            Error::Quota(_) => Self::QuotaExceeded,
            Error::Timeout => Self::Timeout,
            Error::Unavailable { .. } => Self::BrokerUnavailable,
            Error::NoResponders | Error::Unsupported(_) | Error::Refused { .. } => Self::Other(error.to_string()),
        }
    }
}
