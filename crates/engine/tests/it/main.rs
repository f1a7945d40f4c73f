//! The engine from outside: loading, compiling, adapting, bounding, denying.

#![cfg(test)]

mod compile;
mod deny;
mod faults;
mod hostile;
mod loader;
mod modules;
mod proposals;
mod rewind;
mod support;
mod world;
