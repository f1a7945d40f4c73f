//! Redis, which writes each change to disk before it acknowledges it.

use anyhow::Result;

use super::{Place, Server, program};

/// Starts Redis.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start() -> Result<Server> {
    Server::start(
        "redis",
        |_| Ok(()),
        |place: &Place| {
            let mut command = program(&["redis-server"]);
            let (port, folder) = (place.port.to_string(), place.folder.display().to_string());
            command.args(["--bind", "127.0.0.1", "--port", &port, "--dir", &folder, "--appendonly", "yes", "--appendfsync", "always"]);
            command
        },
    )
}
