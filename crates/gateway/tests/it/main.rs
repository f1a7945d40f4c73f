//! The gateway through its front door: a socket.

#![cfg(test)]

mod access;
mod admin;
mod drain;
mod harness;
mod http1;
mod http2;
mod listening;
mod requests;
mod responses;
mod streaming;
mod tls;
