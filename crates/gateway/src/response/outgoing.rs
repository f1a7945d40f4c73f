//! The body of an answer on its way out: never more and never less than its head announced, and counted.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use coracle_triggers::http::{Body, BodyError};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;

use crate::access::Account;

/// Fields that would change the meaning of what was already sent.
const NOT_IN_TRAILERS: &[&str] = &["content-length", "transfer-encoding", "host", "trailer", "connection", "keep-alive", "upgrade", "te"];

pub(crate) struct Outgoing {
    /// `None` when nothing of it is sent, and once it has ended.
    body: Option<Body>,
    /// What is left of the announced length.
    left: Option<u64>,
    /// Whether the next piece is ready and not taken yet.
    is_offered: bool,
    account: Account,
}

/// A body that is not as long as its head said. The connection or stream is cut, which is the only way to tell the client.
#[derive(Debug, thiserror::Error)]
enum Misframed {
    #[error("the response body is longer than its `content-length`")]
    TooLong,
    #[error("the response body is {0} bytes shorter than its `content-length`")]
    TooShort(u64),
}

impl Outgoing {
    /// Sends `body`, which is `length` long where that was announced.
    pub(super) fn new(body: Body, length: Option<u64>, account: Account) -> Self {
        Self { body: Some(body), left: length, is_offered: false, account }
    }

    /// Sends nothing: the request was a HEAD, or the status allows no body.
    pub(super) fn silent(body: Body, account: Account) -> Self {
        if !body.is_end_stream()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The guest may have work to do beside what it writes here, and must not wait for a reader.
            runtime.spawn(throw_away(body));
        }
        Self { body: None, left: None, is_offered: false, account }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.body = None;
        tracing::warn!(method = %self.account.method(), path = self.account.path(), "the response broke off: {error}");
        Poll::Ready(Some(Err(error)))
    }

    fn data(&mut self, bytes: usize) -> Result<(), Misframed> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes as u64).ok_or(Misframed::TooLong)?;
        }
        self.account.sent(bytes);
        Ok(())
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.is_offered) {
            self.account.line().taken();
        }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        this.taken();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(context) else { return Poll::Pending };
        match frame {
            Some(Ok(frame)) => {
                if let Err(misframed) = this.data(frame.data_ref().map_or(0, Bytes::len)) {
                    return this.fail(misframed.into());
                }
                this.is_offered = true;
                this.account.line().offer();
                Poll::Ready(Some(Ok(without_framing(frame))))
            }
            Some(Err(error)) => this.fail(error),
            None => match this.left.filter(|left| *left > 0) {
                Some(left) => this.fail(Misframed::TooShort(left).into()),
                None => {
                    this.body = None;
                    Poll::Ready(None)
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        let is_short = self.left.is_some_and(|left| left > 0);
        self.body.as_ref().is_none_or(|body| body.is_end_stream() && !is_short)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.body, self.left) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), Some(left)) => SizeHint::with_exact(left),
            (Some(body), None) => body.size_hint(),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.taken();
    }
}

async fn throw_away(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn without_framing(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        strip(trailers);
    }
    frame
}

fn strip(trailers: &mut HeaderMap) {
    for name in NOT_IN_TRAILERS {
        trailers.remove(*name);
    }
}
