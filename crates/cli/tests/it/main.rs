//! The program as its users meet it: the built binary, its output and its exit codes.

#![cfg(test)]

mod check;
mod inspect;
mod reference;
mod refusals;
mod run;
mod support;
mod up;
mod guests;
mod conformance;
mod watch;
