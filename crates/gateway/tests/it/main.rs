//! The gateway through its front door: a socket.

mod harness;
mod http1;
