//! Redis, which writes each change to disk before it acknowledges it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Result;

use super::{Pair, Place, Server, program};

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
    let make = move |place: &Place| {
        let mut command = program(&["redis-server"]);
        let (port, folder) = (place.port.to_string(), place.folder.display().to_string());
        command.args(["--bind", "127.0.0.1", "--port", &port, "--dir", &folder, "--appendonly", "yes", "--appendfsync", "always"]);
        command.args(["--save", ""]).args(&more);
        command
    };
    Server::start_until("redis", |_| Ok(()), make, |place| answers(place).unwrap_or(false))
}

/// Starts Redis so that it speaks TLS only, and keeps nothing.
///
/// # Errors
/// As [`start`].
pub fn start_with_tls(own: &Pair) -> Result<Server> {
    let own = own.clone();
    Server::start(
        "redis",
        |_| Ok(()),
        move |place: &Place| {
            let mut command = program(&["redis-server"]);
            command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &place.port.to_string(), "--save", ""]);
            command.args(["--tls-auth-clients", "no", "--tls-cert-file"]).arg(&own.certificate).arg("--tls-key-file").arg(&own.key);
            command
        },
    )
}

/// Whether it has read its file; until then it accepts connections and refuses commands.
fn answers(place: &Place) -> std::io::Result<bool> {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&place.address(), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET x\r\n")?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"$")
}
