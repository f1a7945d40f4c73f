//! Connections to Redis over our own way to servers, for key-value stores and for guests that speak to Redis themselves: addresses,
//! the client's connection with its task, and a bound on answers.

mod address;
mod bounded;
mod connection;

pub(crate) use address::Address;
pub(crate) use bounded::AnswerBounds;
pub(crate) use connection::Connection;
