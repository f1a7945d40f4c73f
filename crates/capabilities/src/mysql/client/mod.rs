//! The client of a MySQL server: connections to addresses that were permitted, pooled by component and address, each made clean before its
//! next user gets it.

mod address;
mod column;
mod server;
mod session;

pub(super) use address::Address;
pub(super) use server::{Clients, Server, Shared};
