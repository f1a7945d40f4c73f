//! A strict second reading of HTTP/1 framing, in front of the parser: it follows every message from its first byte to its last, and
//! what it does not understand exactly is refused before anything else sees it. Heads reach the parser whole or not at all.

mod chunks;
mod fields;
mod framing;
mod head;
mod target;

pub(crate) use framing::Framing;
pub(crate) use target::is_host;
