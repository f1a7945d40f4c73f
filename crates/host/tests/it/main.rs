//! Apps made ready from their manifests, without anything that would wake them.

#![cfg(test)]

mod admission;
mod files;
mod labels;
