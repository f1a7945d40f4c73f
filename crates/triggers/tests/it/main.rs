//! The HTTP trigger with real guests, without a socket.

#![cfg(test)]

mod apps;
mod http;
mod isolation;
mod leaks;
mod limits;
mod support;
mod traps;
