//! The names of what is measured. Tables, plots and goals find series by these names.

pub(crate) const CORACLE: &str = "coracle";
pub(crate) const CORACLE_REUSE: &str = "coracle, reuse";
pub(crate) const CORACLE_P3: &str = "coracle, WASI 0.3";
pub(crate) const NATIVE: &str = "native hyper, thread per core";
pub(crate) const NATIVE_SHARED: &str = "native hyper, multi-thread";
pub(crate) const WASMTIME: &str = "wasmtime serve";
pub(crate) const WASMTIME_TUNED: &str = "wasmtime serve, memory kept resident";
pub(crate) const WASMTIME_REUSE: &str = "wasmtime serve, reuse";
pub(crate) const DENO: &str = "deno, JS, one isolate";
pub(crate) const NODE: &str = "node, JS, one isolate";
pub(crate) const WORKERD: &str = "workerd, JS, one isolate";
pub(crate) const WORKERD_WASM: &str = "workerd, wasm, fresh instance";
pub(crate) const ENVOY: &str = "Envoy, direct response";
pub(crate) const CONTAINER: &str = "containerd + runc, native server";
pub(crate) const RUNC: &str = "runc, native server";
