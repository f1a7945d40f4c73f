//! The body of a request or response in the proxy. What fits in one frame is not boxed.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use coracle_engine::Identity;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use super::call::Streaming;

/// Why a body broke off.
pub type BodyError = Box<dyn Error + Send + Sync>;

/// A body: nothing, one frame, a stream from the network, or a guest that is still running.
pub struct Body {
    kind: Kind,
    served: Option<Served>,
}

/// Which component of which app answered a request, for access logs. In the extensions of a response it would take three pieces of memory.
#[derive(Debug, Clone)]
pub struct Served(pub Arc<Identity>);

enum Kind {
    Empty,
    Full(Option<Bytes>),
    Incoming(hyper::body::Incoming),
    Guest(Pin<Box<Streaming>>),
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Kind::Empty.into()
    }

    /// A body of one frame.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Kind::Full(Some(bytes)).into() }
    }

    /// Any other stream of frames.
    #[must_use]
    pub fn boxed<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Kind::Boxed(body.map_err(Into::into).boxed_unsync()).into()
    }

    pub(super) fn guest(streaming: Pin<Box<Streaming>>) -> Self {
        Kind::Guest(streaming).into()
    }

    /// Notes who answers with this body.
    pub fn set_served(&mut self, served: Served) {
        self.served = Some(served);
    }

    /// Who answers with this body; `None` where no component of an app does.
    #[must_use]
    pub fn served(&self) -> Option<&Served> {
        self.served.as_ref()
    }
}

impl From<hyper::body::Incoming> for Body {
    fn from(incoming: hyper::body::Incoming) -> Self {
        Kind::Incoming(incoming).into()
    }
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self { kind, served: None }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("size", &http_body::Body::size_hint(self)).finish()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Incoming(incoming) => Pin::new(incoming).poll_frame(context).map_err(Into::into),
            Kind::Guest(streaming) => streaming.as_mut().poll_frame(context),
            Kind::Boxed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty | Kind::Full(None) => true,
            Kind::Full(Some(_)) => false,
            Kind::Incoming(incoming) => incoming.is_end_stream(),
            Kind::Guest(streaming) => streaming.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty | Kind::Full(None) => SizeHint::with_exact(0),
            Kind::Full(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(incoming) => incoming.size_hint(),
            Kind::Guest(streaming) => streaming.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}
