//! The HTTP trigger with real guests, without a socket.

mod http;
