//! The client of a PostgreSQL server: connections over the app's way out, pooled by component, address and trusted roots, each made clean
//! before its next user gets it.

mod address;
mod decode;
mod encode;
mod framing;
mod link;
mod server;
mod session;

pub(super) use address::Address;
pub(super) use encode::hexadecimal;
pub(super) use server::{Clients, Roots, Server, Shared};
