//! Redis, which writes each change to disk before it acknowledges it.

use anyhow::Result;

use super::{Place, Server, program};

/// Starts Redis.
///
/// # Errors
/// When it is not installed or does not start.
pub fn start() -> Result<Server> {
    start_with(&[])
}

/// The same with `more` arguments.
///
/// # Errors
/// As [`start`].
pub fn start_with(more: &[&str]) -> Result<Server> {
    let more: Vec<_> = more.iter().map(|argument| (*argument).to_owned()).collect();
    Server::start(
        "redis",
        |_| Ok(()),
        move |place: &Place| {
            let mut command = program(&["redis-server"]);
            let (port, folder) = (place.port.to_string(), place.folder.display().to_string());
            command.args(["--bind", "127.0.0.1", "--port", &port, "--dir", &folder, "--appendonly", "yes", "--appendfsync", "always"]);
            command.args(["--save", ""]).args(&more);
            command
        },
    )
}
