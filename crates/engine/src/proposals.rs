//! Which WebAssembly proposals are on. The same list configures the engines and validates binaries, so that a refused binary is told
//! which proposal it was refused for.

use wasmparser::{Validator, WasmFeatures};

use crate::Generation;

/// A proposal that is off because no supported toolchain needs it and it widens the attack surface.
#[derive(Debug)]
pub(crate) struct Proposal {
    /// Its name, as toolchains call it.
    pub(crate) name: &'static str,
    /// How to build without it.
    pub(crate) remedy: &'static str,
    flags: WasmFeatures,
}

const OFF: &[Proposal] = &[
    Proposal { name: "threads", remedy: "build without threads and shared memory", flags: WasmFeatures::THREADS },
    Proposal { name: "memory64", remedy: "build for a 32-bit target such as `wasm32-wasip2`", flags: WasmFeatures::MEMORY64 },
    Proposal { name: "function-references", remedy: "build without typed function references", flags: WasmFeatures::FUNCTION_REFERENCES },
    Proposal {
        name: "gc",
        remedy: "use a toolchain that brings its own collector in linear memory",
        flags: WasmFeatures::GC.union(WasmFeatures::GC_TYPES).union(WasmFeatures::FUNCTION_REFERENCES),
    },
    Proposal {
        name: "exception-handling",
        remedy: "build without WebAssembly exceptions (for C++: `-fno-exceptions`)",
        flags: WasmFeatures::EXCEPTIONS.union(WasmFeatures::GC_TYPES),
    },
    Proposal {
        name: "legacy exception-handling",
        remedy: "build without WebAssembly exceptions (for C++: `-fno-exceptions`)",
        flags: WasmFeatures::LEGACY_EXCEPTIONS.union(WasmFeatures::EXCEPTIONS).union(WasmFeatures::GC_TYPES),
    },
    Proposal {
        name: "stack-switching",
        remedy: "build without stack switching",
        flags: WasmFeatures::STACK_SWITCHING
            .union(WasmFeatures::GC_TYPES)
            .union(WasmFeatures::FUNCTION_REFERENCES)
            .union(WasmFeatures::EXCEPTIONS),
    },
    Proposal {
        name: "shared-everything-threads",
        remedy: "build without threads and shared memory",
        flags: WasmFeatures::SHARED_EVERYTHING_THREADS.union(WasmFeatures::THREADS),
    },
    Proposal { name: "custom-page-sizes", remedy: "build with pages of 64 KiB", flags: WasmFeatures::CUSTOM_PAGE_SIZES },
    Proposal { name: "wide-arithmetic", remedy: "build without 128-bit arithmetic instructions", flags: WasmFeatures::WIDE_ARITHMETIC },
    Proposal { name: "memory-control", remedy: "build without memory control", flags: WasmFeatures::MEMORY_CONTROL },
    Proposal { name: "component-model threading", remedy: "build without component threads", flags: WasmFeatures::CM_THREADING },
    Proposal {
        name: "component-model error-context",
        remedy: "build without `error-context`",
        flags: WasmFeatures::CM_ERROR_CONTEXT.union(WasmFeatures::CM_ASYNC),
    },
    Proposal {
        name: "component-model stackful async",
        remedy: "build with the callback form of async exports",
        flags: WasmFeatures::CM_ASYNC_STACKFUL.union(WasmFeatures::CM_ASYNC),
    },
    Proposal {
        name: "component-model more-async-builtins",
        remedy: "build without them",
        flags: WasmFeatures::CM_MORE_ASYNC_BUILTINS.union(WasmFeatures::CM_ASYNC),
    },
    Proposal {
        name: "component-model fixed-length-lists",
        remedy: "use `list<T>` or a record in the WIT",
        flags: WasmFeatures::CM_FIXED_LENGTH_LISTS,
    },
    Proposal { name: "component-model maps", remedy: "use `list<tuple<K, V>>` in the WIT", flags: WasmFeatures::CM_MAP },
    Proposal { name: "component-model values", remedy: "pass values to functions instead", flags: WasmFeatures::CM_VALUES },
    Proposal {
        name: "component-model gc",
        remedy: "build with the linear-memory ABI",
        flags: WasmFeatures::CM_GC.union(WasmFeatures::GC).union(WasmFeatures::GC_TYPES).union(WasmFeatures::FUNCTION_REFERENCES),
    },
    Proposal {
        name: "component-model 64-bit memory",
        remedy: "build for a 32-bit target",
        flags: WasmFeatures::CM64.union(WasmFeatures::MEMORY64),
    },
];

/// What a binary of `generation` may use.
pub(crate) fn features(generation: Generation) -> WasmFeatures {
    let on = WasmFeatures::WASM3.union(WasmFeatures::COMPONENT_MODEL).union(WasmFeatures::CM_IMPLEMENTS).difference(off());
    match generation {
        Generation::P2 => on,
        Generation::P3 => on.union(WasmFeatures::CM_ASYNC),
    }
}

/// Every proposal that is off on both engines.
pub(crate) fn off() -> WasmFeatures {
    OFF.iter().fold(WasmFeatures::empty(), |all, proposal| all.union(proposal.flags)).difference(WasmFeatures::CM_ASYNC)
}

/// The proposal without which `bytes` do not validate, if there is exactly that much wrong with them.
pub(crate) fn culprit(bytes: &[u8]) -> Option<&'static Proposal> {
    let validates = |features| Validator::new_with_features(features).validate_all(bytes).is_ok();
    let on = features(Generation::P3);
    // Most invalid binaries are simply damaged; one attempt with everything on tells that cheaply.
    validates(on.union(off())).then(|| OFF.iter().find(|proposal| validates(on.union(proposal.flags))))?
}
