//! Manifests in, applications or errors out.

#![cfg(test)]

mod bare;
mod check;
mod coracle;
mod errors;
mod robust;
mod routes;
mod schema;
mod spin_v1;
mod spin_v2;
mod wadm;
mod warnings;
mod workload_deployment;
