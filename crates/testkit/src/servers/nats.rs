//! NATS with JetStream, which keeps its streams in files.

use anyhow::Result;

use super::{Place, Server, program};

/// The largest message that it takes.
pub const PAYLOAD_BYTES_MAX: usize = 8 << 20;

/// Starts NATS.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start() -> Result<Server> {
    start_with("")
}

/// The same with `more` lines in its configuration.
///
/// # Errors
/// As [`start`].
pub fn start_with(more: &str) -> Result<Server> {
    let prepare = |place: &Place| {
        let (port, folder) = (place.port, place.folder.display());
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\nmax_payload: {PAYLOAD_BYTES_MAX}\njetstream {{ store_dir: \"{folder}\", max_mem: 64MB, max_file: 1GB }}\n{more}"
        );
        Ok(std::fs::write(place.folder.join("nats.conf"), config)?)
    };
    Server::start("nats", prepare, |place: &Place| {
        let mut command = program(&["nats-server"]);
        command.arg("--config").arg(place.folder.join("nats.conf"));
        command
    })
}
