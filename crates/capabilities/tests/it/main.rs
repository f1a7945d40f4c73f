//! The capabilities, met by real guests and by small components that call one interface.

#![cfg(test)]

mod client_tls;
mod config;
mod egress;
mod guest;
mod http_client;
mod interfaces;
mod key_value;
mod llm;
mod logging;
mod otel;
mod runtime_config;
mod secrets;
mod shim;
mod sqlite;
mod storage;
mod variables;
mod wasi;
