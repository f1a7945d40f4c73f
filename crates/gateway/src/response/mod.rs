//! What becomes of a service's answer before it is written: its framing is made to agree with itself, or it is replaced.

mod frame;
mod outgoing;

pub(crate) use frame::frame;
pub(crate) use outgoing::Outgoing;
