//! Modules that cannot become components, by what they are.

use super::anatomy::Anatomy;

/// The WASI version that adapters exist for.
pub(super) const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// The first clang whose wasi-libc no longer hands out overlapping allocations.
const CLANG_SAFE: (u32, u32, u32) = (15, 0, 7);

/// How many names a message lists.
const NAMES_MAX: usize = 6;

/// Why a core module cannot run as a component.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// A filter for a proxy.
    #[error("this module is a proxy-wasm filter, which is not supported yet; build what it does as a component for `wasi:http`")]
    ProxyWasm,
    /// A program for Fastly Compute.
    #[error("this module was built for Fastly Compute, whose host functions are not supported yet; build it for `wasi:http` instead")]
    Fastly,
    /// A module of AssemblyScript's own runtime.
    #[error(
        "this module was built by AssemblyScript for a JavaScript host (it imports `env.abort`); build it with the WASI shim, `asc --config \
         ./node_modules/@assemblyscript/wasi-shim/asconfig.json`, so that it imports `wasi_snapshot_preview1`"
    )]
    AssemblyScript,
    /// A module that needs Emscripten's JavaScript.
    #[error("this module was built by Emscripten for a JavaScript host; build it with `-sSTANDALONE_WASM`, or with the WASI SDK")]
    Emscripten,
    /// A module that needs wasm-bindgen's JavaScript.
    #[error("this module was built by wasm-bindgen for a JavaScript host; build it for the target `wasm32-wasip2` without wasm-bindgen")]
    WasmBindgen,
    /// A module that needs Go's JavaScript.
    #[error("this module was built with GOOS=js; build it with `GOOS=wasip1 GOARCH=wasm go build`")]
    GoJs,
    /// A program for the first draft of WASI.
    #[error("this module was built for `wasi_unstable`, the draft of WASI before 0.1; build it with a toolchain of 2020 or later")]
    WasiUnstable,
    /// A program with a known memory error in its C library.
    #[error(
        "this module was built with clang {clang}, whose wasi-libc corrupts its heap (fixed with clang 15.0.7); build it with WASI SDK 19 \
         or later"
    )]
    BrokenLibc {
        /// The version in its producers section.
        clang: String,
    },
    /// It imports what only its own host knows.
    #[error("this module imports {imports} from a host of its own; build it for WASI, for example for the target `wasm32-wasip2`")]
    UnknownHost {
        /// Some of the imports.
        imports: String,
    },
    /// Nothing in it can be called.
    #[error(
        "this module is a plain library: it exports {exports}, and neither `_start` nor a component type says how to call it; build it as a \
         WASI command, or give it a world with wit-bindgen"
    )]
    Library {
        /// Some of the exports.
        exports: String,
    },
    /// The tools that make a component of it refuse.
    #[error("this module cannot be made a component: {0}; build it as a component, for example for the target `wasm32-wasip2`")]
    Encode(String),
    /// It does not parse.
    #[error("the module is damaged; build it again")]
    Invalid(#[from] wasmparser::BinaryReaderError),
}

/// Refuses what no adapter fits, given that `known` modules may be imported from.
pub(super) fn refuse(anatomy: &Anatomy, known: impl Fn(&str) -> bool) -> Result<(), ModuleError> {
    if anatomy.functions.iter().any(|name| name.starts_with("proxy_abi_version_")) {
        return Err(ModuleError::ProxyWasm);
    }
    if anatomy.imports_any(|module, name| module.starts_with("fastly_") || (module == "env" && name.starts_with("xqd_"))) {
        return Err(ModuleError::Fastly);
    }
    if anatomy.imports_from("wasi_unstable") {
        return Err(ModuleError::WasiUnstable);
    }
    if anatomy.imports_any(|module, _| module.starts_with("__wbindgen") || module == "wbg") {
        return Err(ModuleError::WasmBindgen);
    }
    if anatomy.imports_from("gojs") || anatomy.imports_any(|module, name| module == "go" && name.starts_with("runtime.")) {
        return Err(ModuleError::GoJs);
    }
    let emscripten =
        |name: &str| ["emscripten_", "_emscripten", "__syscall_", "invoke_", "__cxa_"].iter().any(|start| name.starts_with(start));
    if anatomy.imports_any(|module, name| module == "env" && emscripten(name)) {
        return Err(ModuleError::Emscripten);
    }
    if anatomy.imports_any(|module, name| module == "env" && name == "abort") {
        return Err(ModuleError::AssemblyScript);
    }
    // A component type says what else may be imported; the encoder checks it.
    let unknown = anatomy.imports.iter().filter(|(module, _)| !anatomy.has_component_type && !known(module));
    let unknown: Vec<_> = unknown.map(|(module, name)| format!("{module}.{name}")).collect();
    if unknown.is_empty() { Ok(()) } else { Err(ModuleError::UnknownHost { imports: list(&unknown) }) }
}

/// Refuses a C library that is known to corrupt memory. wit-bindgen brings its own allocator and is not concerned.
pub(super) fn refuse_broken_libc(anatomy: &Anatomy) -> Result<(), ModuleError> {
    if anatomy.has_component_type || anatomy.has_bindgen_allocator() {
        return Ok(());
    }
    match &anatomy.clang {
        Some(clang) if version(clang).is_some_and(|version| version < CLANG_SAFE) => Err(ModuleError::BrokenLibc { clang: clang.clone() }),
        _ => Ok(()),
    }
}

pub(super) fn library(anatomy: &Anatomy) -> ModuleError {
    let names: Vec<_> = anatomy.functions.iter().cloned().collect();
    ModuleError::Library { exports: if names.is_empty() { "no function".to_owned() } else { list(&names) } }
}

fn version(text: &str) -> Option<(u32, u32, u32)> {
    let number = text.split([' ', '-']).next()?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
