//! The capabilities, met by real guests and by small components that call one interface.

#![cfg(test)]

mod blob_durable;
mod blob_store;
mod client_tls;
mod config;
mod durable;
mod egress;
mod guest;
mod http_client;
mod interfaces;
mod key_value;
mod llm;
mod logging;
mod messaging;
mod mqtt;
mod mysql;
mod operations;
mod otel;
mod postgres;
mod redis;
mod runtime_config;
mod secrets;
mod shim;
mod sql;
mod sqlite;
mod storage;
mod tls;
mod variables;
mod wasi;
