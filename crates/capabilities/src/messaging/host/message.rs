//! The resources of the producer interfaces: a client of one broker, a message, and what is wanted of a request.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::{Error, Message, Outlet, State};

/// The header that the interfaces set apart.
const CONTENT_TYPE: &str = "content-type";

/// A client of one broker.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Client {
    pub(super) outlet: Outlet,
    _held: OwnedSemaphorePermit,
}

/// A message that a guest makes, or was given.
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Held {
    message: Message,
    /// A message that was given has come from somewhere, which is where an answer goes.
    origin: Option<Outlet>,
    held: Result<OwnedSemaphorePermit, Error>,
}

/// What is wanted of a request.
#[derive(Default)]
#[expect(unreachable_pub, reason = "bindgen re-exports the types of its resources")]
pub struct Wanted {
    pub(super) time: Option<Duration>,
    pub(super) replies: Option<u32>,
}

impl Client {
    /// A client of the broker `label`.
    pub(super) fn connect(state: &State, label: &str) -> Result<Self, Error> {
        Ok(Self { outlet: state.labelled(label)?, _held: state.hold(0)? })
    }
}

impl Held {
    /// A message of the guest. One that it may not hold keeps nothing, and cannot be sent.
    pub(super) fn new(state: &State, body: Vec<u8>) -> Self {
        let held = state.hold(body.len());
        let body = if held.is_ok() { body } else { Vec::new() };
        Self { message: Message { body: body.into(), ..Message::default() }, origin: None, held }
    }

    /// A message for the guest.
    pub(super) fn received(state: &State, message: Message, origin: &Outlet) -> Result<Self, Error> {
        let held = Ok(state.hold(message.body.len())?);
        Ok(Self { message, origin: Some(origin.clone()), held })
    }

    /// The message as it is sent to `subject`.
    pub(super) fn addressed(&self, subject: String) -> Result<Message, Error> {
        if let Err(error) = &self.held {
            return Err(error.clone());
        }
        Ok(Message { subject, reply_to: None, ..self.message.clone() })
    }

    /// The way back to whoever wants a reply to this message, and the subject there.
    pub(super) fn way_back(&self) -> Result<(Outlet, String), Error> {
        let back = self.origin.clone().zip(self.message.reply_to.clone());
        back.ok_or(Error::Unsupported("the message wants no reply"))
    }

    pub(super) fn topic(&self) -> Option<String> {
        self.origin.is_some().then(|| self.message.subject.clone())
    }

    pub(super) fn data(&self) -> Vec<u8> {
        self.message.body.to_vec()
    }

    pub(super) fn set_data(&mut self, state: &State, body: Vec<u8>) {
        // What was held before goes first, so that a body can be replaced by one of its size.
        self.held = Err(Error::AccessDenied);
        self.held = state.hold(body.len());
        self.message.body = if self.held.is_ok() { body.into() } else { bytes::Bytes::new() };
    }

    pub(super) fn content_type(&self) -> Option<String> {
        let mut headers = self.message.headers.iter();
        headers.find(|(name, _)| is_content_type(name)).map(|(_, value)| value.clone())
    }

    pub(super) fn set_content_type(&mut self, value: String, state: &State) {
        self.message.headers.retain(|(name, _)| !is_content_type(name));
        self.add(CONTENT_TYPE.to_owned(), value, state);
    }

    pub(super) fn metadata(&self) -> Option<Vec<(String, String)>> {
        let metadata: Vec<_> = self.message.headers.iter().filter(|(name, _)| !is_content_type(name)).cloned().collect();
        (!metadata.is_empty()).then_some(metadata)
    }

    pub(super) fn set_metadata(&mut self, metadata: Vec<(String, String)>, state: &State) {
        self.message.headers.retain(|(name, _)| is_content_type(name));
        metadata.into_iter().for_each(|(name, value)| self.add(name, value, state));
    }

    pub(super) fn remove_metadata(&mut self, key: &str) {
        self.message.headers.retain(|(name, _)| is_content_type(name) || name != key);
    }

    /// Adds a header. A message with too many of them cannot be sent.
    pub(super) fn add(&mut self, name: String, value: String, state: &State) {
        let bytes: usize = self.message.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        let bytes_max = state.limits().header_bytes_max;
        if bytes > bytes_max {
            self.held = Err(Error::TooLarge { bytes, bytes_max });
            self.message = Message::default();
        } else {
            self.message.headers.push((name, value));
        }
    }
}

fn is_content_type(name: &str) -> bool {
    name.eq_ignore_ascii_case(CONTENT_TYPE)
}
