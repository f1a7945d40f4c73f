//! The HTTP trigger with real guests, without a socket.

#![cfg(test)]

mod http;
mod leaks;
mod support;
