//! workerd, the runtime of Cloudflare Workers: JavaScript in an isolate that requests share, and WebAssembly that it instantiates for each.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Peer;
use super::package::Package;
use crate::server::{Launch, free_address};

pub(crate) const PEER: Peer = Peer {
    name: "workerd",
    package: Package::Npm { name: "workerd", version: "1.20261117.1", program: "@cloudflare/workerd-linux-64/bin/workerd" },
};

const SCRIPT: &str = r#"export default {
  fetch() {
    return new Response("Hello, world!\n", { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
"#;

/// A fresh instance for each request, as our guests get one.
const WASM_SCRIPT: &str = r#"import module from "hello.wasm";
const decoder = new TextDecoder();
export default {
  fetch(request) {
    const { exports } = new WebAssembly.Instance(module, {});
    const path = new TextEncoder().encode(new URL(request.url).pathname);
    const at = exports.reserve(path.length);
    new Uint8Array(exports.memory.buffer, at, path.length).set(path);
    const length = exports.hello(at, path.length);
    const text = decoder.decode(new Uint8Array(exports.memory.buffer, exports.text(), length));
    return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
"#;

/// Serves the greeting by JavaScript; `folder` takes the configuration.
pub(crate) fn serve_script(program: &Path, folder: &Path) -> Result<Launch> {
    std::fs::write(folder.join("workerd.js"), SCRIPT)?;
    serve(program, folder, "workerd-js.capnp", r#"(name = "main", esModule = embed "workerd.js")"#)
}

/// Serves the greeting by `module`, a core module without imports.
pub(crate) fn serve_wasm(program: &Path, module: &Path, folder: &Path) -> Result<Launch> {
    std::fs::write(folder.join("workerd-wasm.js"), WASM_SCRIPT)?;
    std::fs::copy(module, folder.join("hello.wasm")).with_context(|| format!("could not copy {}", module.display()))?;
    let modules = r#"(name = "main", esModule = embed "workerd-wasm.js"), (name = "hello.wasm", wasm = embed "hello.wasm")"#;
    serve(program, folder, "workerd-wasm.capnp", modules)
}

fn serve(program: &Path, folder: &Path, name: &str, modules: &str) -> Result<Launch> {
    let (address, config) = (free_address()?, folder.join(name));
    let text = format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (\n  \
           services = [(name = \"hello\", worker = .hello)],\n  \
           sockets = [(name = \"http\", address = \"{address}\", http = (), service = \"hello\")],\n\
         );\n\
         const hello :Workerd.Worker = (modules = [{modules}], compatibilityDate = \"2025-01-01\");\n"
    );
    std::fs::write(&config, text)?;
    Ok(Launch::new(program, address).arg("serve").arg(config))
}
