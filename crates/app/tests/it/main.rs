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

/// The interfaces of wasmCloud's manifests that have a backend, and the grants that they become: namespace, package, grant.
const WITH_BACKENDS: [(&str, &str, &str); 7] = [
    ("wasi", "keyvalue", "key-value"),
    ("wasmcloud", "keyvalue", "key-value"),
    ("wasi", "blobstore", "blob-store"),
    ("wasmcloud", "blobstore", "blob-store"),
    ("wasmcloud", "messaging", "messaging"),
    ("wasi", "messaging", "messaging"),
    ("wasmcloud", "postgres", "postgres"),
];
