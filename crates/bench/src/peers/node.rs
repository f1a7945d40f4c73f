//! Node.js: JavaScript in one isolate, which all requests share.

use std::path::Path;

use anyhow::Result;

use super::Peer;
use super::package::Package;
use crate::server::{Launch, free_address};

pub(crate) const PEER: Peer = Peer { name: "node", package: Package::Npm { name: "node", version: "26.10.0", program: "node/bin/node" } };

const SCRIPT: &str = r#"require("node:http")
  .createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
    response.end("Hello, world!\n");
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
"#;

/// Serves the greeting; `folder` takes the script.
pub(crate) fn serve(program: &Path, folder: &Path) -> Result<Launch> {
    let (address, script) = (free_address()?, folder.join("node.cjs"));
    std::fs::write(&script, SCRIPT)?;
    Ok(Launch::new(program, address).arg(&script).arg(address.port().to_string()))
}
