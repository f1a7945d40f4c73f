//! The only listener of the data plane: it accepts, bounds and checks what strangers send before a [`Service`] sees a request, and
//! frames what the service answers. It knows no route and no guest.

mod acceptor;
mod access;
mod admin;
mod alarm;
mod bounds;
mod connection;
mod exchange;
mod headers;
mod http1;
mod http2;
mod line;
mod listener;
mod refusal;
mod request;
mod response;
mod server;
mod service;
mod tls;
mod traffic;
mod turns;
mod wire;
mod worker;

pub use admin::Admin;
pub use bounds::Bounds;
pub use listener::{ListenError, Listener};
pub use refusal::Refusal;
pub use server::{Drained, Server, Settings, StartError};
pub use service::Service;
pub use tls::{Tls, TlsError};
pub use traffic::Traffic;
