//! Metrics as scrapers see them, and telemetry as collectors do.

#![cfg(test)]

mod collector;
mod guests;
mod metrics;
mod otlp;
