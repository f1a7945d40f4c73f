//! The HTTP trigger: turns a request into a call of the guest's handler and the guest's answer into a response whose body streams.

mod body;
mod call;
mod handler;
mod p2;
mod p3;

pub use body::{Body, BodyError};
pub use handler::{Handler, HandlerError};

use std::net::SocketAddr;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The address of the client.
    pub client: SocketAddr,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
}
