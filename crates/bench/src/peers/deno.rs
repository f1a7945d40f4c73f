//! Deno: JavaScript in one isolate, which all requests share.

use std::path::Path;

use anyhow::Result;

use super::Peer;
use super::package::Package;
use crate::server::{Launch, free_address};

pub(crate) const PEER: Peer =
    Peer { name: "deno", package: Package::Npm { name: "deno", version: "2.9.6", program: "@deno/linux-x64-glibc/deno" } };

const SCRIPT: &str = r#"export default {
  fetch() {
    return new Response("Hello, world!\n", { headers: { "content-type": "text/plain; charset=utf-8" } });
  },
};
"#;

/// Serves the greeting; `folder` takes the script.
pub(crate) fn serve(program: &Path, folder: &Path) -> Result<Launch> {
    let (address, script) = (free_address()?, folder.join("deno.js"));
    std::fs::write(&script, SCRIPT)?;
    let launch = Launch::new(program, address).args(["serve", "--host", "127.0.0.1", "--port", &address.port().to_string()]);
    Ok(launch.arg(&script).env("DENO_DIR", folder.join("deno")).env("DENO_NO_UPDATE_CHECK", "1"))
}
