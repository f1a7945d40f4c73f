//! The program as its users meet it: the built binary, its output and its exit codes.

#![cfg(test)]

mod check;
mod conformance;
mod examples;
mod faults;
mod guests;
mod inspect;
mod isolation;
mod reference;
mod refusals;
mod renewal;
mod run;
mod support;
mod telemetry;
mod up;
mod wasmcloud;
mod watch;
